"""The source ``hidden-markov``: hidden states that stay for a while, each with its own words."""

from __future__ import annotations

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
    line_starts,
    logs_of,
    words,
)

_LARGEST_TABLE = 1 << 22


class HiddenMarkovOptions(SourceOptions):
    """Options of the source hidden-markov."""

    states: int = Field(4, ge=2, le=256, description="number of hidden states; lines can end in half of them")
    words: int = Field(24, ge=1, le=100_000, description="number of words")
    stay: float = Field(0.9, ge=0, le=0.99, description="probability that the state stays what it is")
    stop: float = Field(0.2, ge=0.01, le=0.99, description="probability of the line end in a state that can end lines")
    concentration: float = Field(
        0.5, ge=0.01, le=1000, description="of the Dirichlet distribution of each state's words; low is peaked"
    )

    @model_validator(mode="after")
    def _table_fits(self) -> Self:
        if self.states * (self.words + 1) > _LARGEST_TABLE:
            raise ValueError(
                f"states={self.states} with words={self.words} is too large a table: "
                f"states x (words + 1) may be up to {_LARGEST_TABLE:,}"
            )
        return self

    def source(self) -> HiddenMarkovSource:
        """States drawn from Dirichlet distributions; a line begins in the first half of them, which cannot end it."""
        rng, states = self.generator("source"), self.states
        opening = states - states // 2
        start = np.zeros(states)
        start[:opening] = rng.dirichlet(np.ones(opening))
        moves = rng.dirichlet(np.ones(states), size=states)
        stop = np.where(np.arange(states) < opening, 0.0, self.stop)[:, None]
        emitted = rng.dirichlet(np.full(self.words, self.concentration), size=states)
        return HiddenMarkovSource(
            words(self.words),
            start,
            transitions=self.stay * np.eye(states) + (1 - self.stay) * moves,
            emissions=np.hstack([(1 - stop) * emitted, stop]),
        )


@dataclass(frozen=True)
class HiddenMarkovSource(Source):
    """A hidden Markov model whose states emit words and the line end, as the model hmm has them.

    start        (states,): P(first state); these states do not emit the line end, so that no line is empty
    transitions  (states, states): P(next state | state)
    emissions    (states, symbols): P(symbol | state)
    """

    words: tuple[str, ...]
    start: Floats
    transitions: Floats
    emissions: Floats

    @property
    def description(self) -> str:
        return f"a hidden Markov source of {len(self.start)} states over {len(self.words)} words"

    def walk(self, lines: int, rng: np.random.Generator) -> Step:
        start, moves, emissions = map(cumulated, (self.start[None], self.transitions, self.emissions))
        states = categorical(start, np.zeros(lines, dtype=np.int64), rng)

        def step(going: Ints) -> Ints:
            drawn = categorical(emissions, states[going], rng)
            states[going] = categorical(moves, states[going], rng)
            return drawn

        return step

    def logprobs(self, symbols: Ints) -> Floats:
        """By the forward algorithm, all lines at once: the scale of each step is P(symbol | symbols before it)."""
        starts = line_starts(symbols, self.end)
        lengths = np.diff(starts, append=len(symbols))
        longest_first = np.argsort(-lengths, kind="stable")
        starts, lengths = starts[longest_first], lengths[longest_first]
        scales = np.zeros(len(symbols))
        states = np.tile(self.start, (len(starts), 1))  # (lines, states)
        for t in range(int(lengths[0]) if len(lengths) else 0):
            places = starts[: np.count_nonzero(lengths > t)] + t
            states, scales[places] = self._after(states[: len(places)], symbols[places])
        return logs_of(scales)

    def next_probabilities(self, beginning: Ints) -> Floats:
        states = self.start[None]
        for symbol in beginning:
            states, _ = self._after(states, np.array([symbol]))
        row: Floats = (states @ self.emissions)[0]
        return row

    @property
    def mean_events(self) -> float:
        """The sum of n, where n = start + n D T are the expected visits to each state, D its probability of a word."""
        going_on = (1 - self.emissions[:, -1])[:, None] * self.transitions
        return float(np.linalg.solve(np.eye(len(self.start)) - going_on.T, self.start).sum())

    def entropy_rate(self) -> None:
        """There is no closed form: Blackwell, "The entropy of functions of finite-state Markov chains", 1957."""

    def _after(self, states: Floats, symbols: Ints) -> tuple[Floats, Floats]:
        """P(next state | line so far), (lines, states), after these symbols, and P(symbol | line before it)."""
        joint = states * self._by_symbol[symbols]
        scale = joint.sum(axis=1)
        given = np.divide(joint, scale[:, None], out=np.zeros_like(joint), where=scale[:, None] > 0)
        return given @ self.transitions, scale

    @cached_property
    def _by_symbol(self) -> Floats:
        return np.ascontiguousarray(self.emissions.T)
