"""The source ``markov``: a Markov chain of any order over words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from lmbench.arrays import Floats, Ints
from lmbench.corpora.synthetic.base import (
    SampledSource,
    SourceOptions,
    SymbolSampler,
    line_starts,
    make_words,
)
from lmbench.corpora.synthetic.distributions import cumulative, draw_categorical, entropies, natural_logs

_LARGEST_TABLE = 1 << 24  # entries: 128 MiB, and as much again for the cumulative distributions
_ENTRIES_AT_ONCE = 1 << 20
_NEGLIGIBLE = 1e-12


class MarkovOptions(SourceOptions):
    """Options of the source markov."""

    order: int = Field(2, ge=1, description="number of words that the next one depends on")
    words: int = Field(24, ge=1, description="number of words")
    stop: float = Field(0.08, ge=0.01, le=0.99, description="probability that a line ends after any of its words")
    concentration: float = Field(
        0.1, ge=0.01, le=1000, description="concentration of the Dirichlet distribution of each history's next words"
    )

    @model_validator(mode="after")
    def _check_table_size(self) -> Self:
        size = (self.words + 1) ** (self.order + 1) if self.order < 64 else _LARGEST_TABLE + 1
        if size > _LARGEST_TABLE:
            raise ValueError(
                f"order={self.order} with words={self.words} is too large a table: "
                f"(words + 1)^(order + 1) may be up to {_LARGEST_TABLE:,}"
            )
        return self

    def source(self) -> MarkovSource:
        """Return a chain whose rows are drawn from a symmetric Dirichlet distribution; every word may end the line."""
        end, histories = self.words, (self.words + 1) ** self.order
        transitions = np.zeros((histories, end + 1))
        rows = self.generator("source").dirichlet(np.full(end, self.concentration), size=histories)
        transitions[:, :end] = (1 - self.stop) * rows
        transitions[:, end] = self.stop
        transitions[end :: end + 1, end] = 0  # no line is empty
        transitions /= transitions.sum(axis=1, keepdims=True)
        return MarkovSource(make_words(self.words), self.order, transitions)


@dataclass(frozen=True)
class MarkovSource(SampledSource):
    """A Markov chain over words.

    A history is a number: its digits to the base ``len(words) + 1`` are the last `order` symbols. Before a line's first
    word, they are line ends.

    Attributes:
        words: The words.
        order: The number of symbols in a history.
        transitions: (histories, symbols) P(next symbol | history); rows sum to 1.
    """

    words: tuple[str, ...]
    order: int
    transitions: Floats

    @property
    def description(self) -> str:
        return f"a Markov chain of order {self.order} over {len(self.words)} words, whose entropy is known"

    def make_sampler(self, lines: int, rng: np.random.Generator) -> SymbolSampler:
        histories = np.full(lines, len(self.transitions) - 1)

        def sample(unfinished: Ints) -> Ints:
            drawn = draw_categorical(self._cumulative, histories[unfinished], rng)
            histories[unfinished] = (histories[unfinished] * (self.end + 1) + drawn) % len(self.transitions)
            return drawn

        return sample

    def logprobs(self, symbols: Ints) -> Floats:
        return natural_logs(self.transitions[self._histories(symbols), symbols])

    @property
    def mean_events(self) -> float:
        return float(self._visits.sum())

    def entropy_rate(self) -> float:
        """Return Σ n(h) H(h) over the expected bytes, if n(h) are the expected visits to a history within a line."""
        visits = self._visits
        bits = sum(visits[rows] @ entropies(self.transitions[rows]) for rows in self._row_blocks)
        return float(bits / (visits @ (self.transitions @ self.sizes)))

    @cached_property
    def _visits(self) -> Floats:
        """(histories,) expected visits to each history within a line: n = start + n T.

        T moves from history to history without ending the line. The iteration adds up start T^k. It stops early, once
        each term is almost r times the term before: if e is the sum of |arriving T - r arriving|, and at each history
        except a line's start the line ends with a probability of at least p, then the rest of the sum differs from
        arriving r / (1 - r) by at most e / ((1 - r) p).
        """
        arriving = np.zeros(len(self.transitions))
        arriving[-1] = 1
        visits = arriving
        ends = np.delete(self.transitions[:, -1], np.s_[self.end :: self.end + 1]).min(initial=1.0)
        while True:
            moved = self._move(arriving)
            ratio = moved.sum() / arriving.sum()
            difference = np.abs(moved - ratio * arriving).sum()
            if moved.sum() <= _NEGLIGIBLE**2 or difference <= _NEGLIGIBLE * visits.sum() * (1 - ratio) * ends:
                return np.asarray(visits + moved / (1 - ratio))
            arriving, visits = moved, visits + moved

    def _move(self, arriving: Floats) -> Floats:
        """Return `arriving` times T, (histories,): the mass that reaches each history one word later."""
        size = self.end + 1
        by_oldest = self.transitions.reshape(size, -1, size)[:, :, : self.end]  # (oldest, other symbols, next)
        moved = np.zeros((by_oldest.shape[1], size))
        moved[:, : self.end] = np.einsum("ab,abc->bc", arriving.reshape(size, -1), by_oldest)
        return moved.ravel()

    @property
    def _row_blocks(self) -> Iterator[slice]:
        """The table's rows in blocks, so that temporary arrays stay small."""
        rows = max(1, _ENTRIES_AT_ONCE // (self.end + 1))
        return (slice(first, first + rows) for first in range(0, len(self.transitions), rows))

    def _histories(self, symbols: Ints) -> Ints:
        """Return the history of each symbol, (events,)."""
        starts = line_starts(symbols, self.end)
        place = np.arange(len(symbols)) - np.repeat(starts, np.diff(starts, append=len(symbols)))
        histories = np.zeros(len(symbols), dtype=np.int64)
        for back in range(1, self.order + 1):
            before = np.full(len(symbols), self.end)
            before[back:] = np.where(place[back:] >= back, symbols[: max(0, len(symbols) - back)], self.end)
            histories += before * (self.end + 1) ** (back - 1)
        return histories

    @cached_property
    def _cumulative(self) -> Floats:
        return cumulative(self.transitions)
