"""The source ``markov``: a Markov chain of any order over words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from lmbench.corpora.synthetic.base import (
    Floats,
    Ints,
    Source,
    SourceOptions,
    Step,
    categorical,
    cumulated,
    entropies,
    line_starts,
    logs_of,
    words,
)

_LARGEST_TABLE = 1 << 24  # entries: 128 MiB, twice as much with the cumulative distributions
_ENTRIES_AT_ONCE = 1 << 20
_NEGLIGIBLE = 1e-12


class MarkovOptions(SourceOptions):
    """Options of the source markov."""

    order: int = Field(2, ge=1, description="number of words that the next one depends on")
    words: int = Field(24, ge=1, description="number of words")
    stop: float = Field(0.08, ge=0.01, le=0.99, description="probability that a line ends after any of its words")
    concentration: float = Field(
        0.1, ge=0.01, le=1000, description="of the Dirichlet distribution of each history's next words; low is peaked"
    )

    @model_validator(mode="after")
    def _table_fits(self) -> Self:
        size = (self.words + 1) ** (self.order + 1) if self.order < 64 else _LARGEST_TABLE + 1
        if size > _LARGEST_TABLE:
            raise ValueError(
                f"order={self.order} with words={self.words} is too large a table: "
                f"(words + 1)^(order + 1) may be up to {_LARGEST_TABLE:,}"
            )
        return self

    def source(self) -> MarkovSource:
        """A chain whose rows are drawn from a symmetric Dirichlet distribution; every word may end the line."""
        end, histories = self.words, (self.words + 1) ** self.order
        transitions = np.zeros((histories, end + 1))
        rows = self.generator("source").dirichlet(np.full(end, self.concentration), size=histories)
        transitions[:, :end] = (1 - self.stop) * rows
        transitions[:, end] = self.stop
        transitions[end :: end + 1, end] = 0  # no line is empty
        transitions /= transitions.sum(axis=1, keepdims=True)
        return MarkovSource(words(self.words), self.order, transitions)


@dataclass(frozen=True)
class MarkovSource(Source):
    """A Markov chain over words; every line is drawn anew.

    transitions  (histories, symbols): P(next | the last `order` symbols), where the line end stands for the places
                 before a line's start and a history is a number whose digits to the base ``len(words) + 1`` are its
                 symbols; rows sum to 1
    """

    words: tuple[str, ...]
    order: int
    transitions: Floats

    @property
    def description(self) -> str:
        return f"a Markov chain of order {self.order} over {len(self.words)} words, whose entropy is known"

    def walk(self, lines: int, rng: np.random.Generator) -> Step:
        histories = np.full(lines, len(self.transitions) - 1)

        def step(going: Ints) -> Ints:
            drawn = categorical(self._cumulative, histories[going], rng)
            histories[going] = (histories[going] * (self.end + 1) + drawn) % len(self.transitions)
            return drawn

        return step

    def logprobs(self, symbols: Ints) -> Floats:
        return logs_of(self.transitions[self._histories(symbols)[:-1], symbols])

    def next_probabilities(self, beginning: Ints) -> Floats:
        row: Floats = self.transitions[self._histories(beginning)[-1]]
        return row

    @property
    def mean_events(self) -> float:
        return float(self._visits.sum())

    def entropy_rate(self) -> float:
        visits = self._visits
        bits = sum(visits[rows] @ entropies(self.transitions[rows]) for rows in self._row_blocks)
        return float(bits / (visits @ (self.transitions @ self.sizes)))

    @cached_property
    def _visits(self) -> Floats:
        """(histories,): how often a line is expected to come to each: n = start + n T, where T ends no line.

        What arrives becomes, but for a factor r, what arrived before it. Let e = |arriving T - r arriving|, and no
        history but a line's start go on with more than q; then all that still comes is arriving r / (1 - r), but for at
        most e / ((1 - r) (1 - q)).
        """
        arriving = np.zeros(len(self.transitions))
        arriving[-1] = 1
        visits = arriving
        ends = np.delete(self.transitions[:, -1], np.s_[self.end :: self.end + 1]).min(initial=1.0)
        while True:
            moved = self._moved(arriving)
            ratio = moved.sum() / arriving.sum()
            unlike = np.abs(moved - ratio * arriving).sum()
            if moved.sum() <= _NEGLIGIBLE**2 or unlike <= _NEGLIGIBLE * visits.sum() * (1 - ratio) * ends:
                return np.asarray(visits + moved / (1 - ratio))
            arriving, visits = moved, visits + moved

    def _moved(self, arriving: Floats) -> Floats:
        """(histories,): where what arrives goes on to, (histories,) times T."""
        size = self.end + 1
        going_on = self.transitions.reshape(size, -1, size)[:, :, : self.end]  # (oldest, other symbols, next)
        moved = np.zeros((going_on.shape[1], size))
        moved[:, : self.end] = np.einsum("ab,abc->bc", arriving.reshape(size, -1), going_on)
        return moved.ravel()

    @property
    def _row_blocks(self) -> Iterator[slice]:
        """The table's rows, some after others."""
        rows = max(1, _ENTRIES_AT_ONCE // (self.end + 1))
        return (slice(first, first + rows) for first in range(0, len(self.transitions), rows))

    def _histories(self, symbols: Ints) -> Ints:
        """(events + 1,): the history of each symbol, and the one after the last."""
        starts = line_starts(symbols, self.end)
        place = np.arange(len(symbols) + 1) - np.repeat(starts, np.diff(starts, append=len(symbols) + 1))
        histories = np.zeros(len(symbols) + 1, dtype=np.int64)
        for back in range(1, self.order + 1):
            before = np.full(len(symbols) + 1, self.end)
            before[back:] = np.where(place[back:] >= back, symbols[: len(symbols) + 1 - back], self.end)
            histories += before * (self.end + 1) ** (back - 1)
        return histories

    @cached_property
    def _cumulative(self) -> Floats:
        return cumulated(self.transitions)
