"""The source ``hidden-markov``: hidden states that persist, each with words of its own."""

from __future__ import annotations

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
from lmbench.corpora.synthetic.distributions import cumulative, draw_categorical, natural_logs

_LARGEST_TABLE = 1 << 22  # entries


class HiddenMarkovOptions(SourceOptions):
    """Options of the source hidden-markov."""

    states: int = Field(4, ge=2, le=256, description="number of hidden states; lines can end in half of them")
    words: int = Field(24, ge=1, le=100_000, description="number of words")
    stay: float = Field(0.9, ge=0, le=0.99, description="probability that the state does not change")
    stop: float = Field(0.2, ge=0.01, le=0.99, description="probability of the line end in a state that can end lines")
    concentration: float = Field(
        0.5, ge=0.01, le=1000, description="concentration of the Dirichlet distribution of each state's words"
    )

    @model_validator(mode="after")
    def _check_table_size(self) -> Self:
        if self.states * (self.words + 1) > _LARGEST_TABLE:
            raise ValueError(
                f"states={self.states} with words={self.words} is too large a table: "
                f"states x (words + 1) may be up to {_LARGEST_TABLE:,}"
            )
        return self

    def source(self) -> HiddenMarkovSource:
        """Return a source with random probabilities.

        A line begins in one of the first half of the states, which cannot end it, so that no line is empty.
        """
        rng, states = self.generator("source"), self.states
        opening = states - states // 2
        start = np.zeros(states)
        start[:opening] = rng.dirichlet(np.ones(opening))
        moves = rng.dirichlet(np.ones(states), size=states)
        stop = np.where(np.arange(states) < opening, 0.0, self.stop)[:, None]
        emitted = rng.dirichlet(np.full(self.words, self.concentration), size=states)
        return HiddenMarkovSource(
            make_words(self.words),
            start,
            transitions=self.stay * np.eye(states) + (1 - self.stay) * moves,
            emissions=np.hstack([(1 - stop) * emitted, stop]),
        )


@dataclass(frozen=True)
class HiddenMarkovSource(SampledSource):
    """A hidden Markov model whose states emit words and the line end, as those of the model hmm do.

    Attributes:
        words: The words.
        start: (states,) P(first state). States with a positive probability do not emit the line end.
        transitions: (states, states) P(next state | state).
        emissions: (states, symbols) P(symbol | state).
    """

    words: tuple[str, ...]
    start: Floats
    transitions: Floats
    emissions: Floats

    @property
    def description(self) -> str:
        return f"a hidden Markov source of {len(self.start)} states over {len(self.words)} words"

    def make_sampler(self, lines: int, rng: np.random.Generator) -> SymbolSampler:
        start, moves, emissions = map(cumulative, (self.start[None], self.transitions, self.emissions))
        states = draw_categorical(start, np.zeros(lines, dtype=np.int64), rng)

        def sample(unfinished: Ints) -> Ints:
            drawn = draw_categorical(emissions, states[unfinished], rng)
            states[unfinished] = draw_categorical(moves, states[unfinished], rng)
            return drawn

        return sample

    def logprobs(self, symbols: Ints) -> Floats:
        """Return log P(symbol | the line before it), (events,) nats.

        This is the forward algorithm, in all lines at once; the scale of each step is the symbol's probability.
        """
        starts = line_starts(symbols, self.end)
        lengths = np.diff(starts, append=len(symbols))
        longest_first = np.argsort(-lengths, kind="stable")
        starts, lengths = starts[longest_first], lengths[longest_first]
        scales = np.zeros(len(symbols))
        states = np.tile(self.start, (len(starts), 1))  # (lines, states)
        for t in range(int(lengths[0]) if len(lengths) else 0):
            places = starts[: np.count_nonzero(lengths > t)] + t
            states, scales[places] = self._advance(states[: len(places)], symbols[places])
        return natural_logs(scales)

    @property
    def mean_events(self) -> float:
        """Expected number of events of a line.

        This is the sum of n = start + n D T, the expected visits to each state, if D is the diagonal of the states'
        probabilities of a word and T the transitions.
        """
        survival = (1 - self.emissions[:, -1])[:, None] * self.transitions
        return float(np.linalg.solve(np.eye(len(self.start)) - survival.T, self.start).sum())

    def entropy_rate(self) -> None:
        """Return None: a closed form is not known (Blackwell 1957, "The entropy of functions of finite-state Markov
        chains")."""

    def _advance(self, states: Floats, symbols: Ints) -> tuple[Floats, Floats]:
        """Read one symbol of each line.

        Args:
            states: (lines, states) P(state | line so far).
            symbols: (lines,) the symbols.

        Returns:
            (lines, states) P(next state | line so far), and (lines,) P(symbol | line before it).
        """
        joint = states * self._by_symbol[symbols]
        scale = joint.sum(axis=1)
        given = np.divide(joint, scale[:, None], out=np.zeros_like(joint), where=scale[:, None] > 0)
        return given @ self.transitions, scale

    @cached_property
    def _by_symbol(self) -> Floats:
        return np.ascontiguousarray(self.emissions.T)
