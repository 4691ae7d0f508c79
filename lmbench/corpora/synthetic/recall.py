"""The source ``recall``: what comes next stood a fixed number of words back, and nothing nearer helps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
from pydantic import Field

from lmbench.corpora.synthetic.base import (
    Floats,
    Ints,
    Source,
    SourceOptions,
    Step,
    entropies,
    line_starts,
    logs_of,
    words,
)


class RecallOptions(SourceOptions):
    """Options of the source recall."""

    lines: int = Field(3000, ge=1, le=10_000_000, description="lines of the training split")
    distance: int = Field(6, ge=1, le=1000, description="how many words back the repeated word stands")
    words: int = Field(24, ge=1, le=100_000, description="number of words")
    repeat: float = Field(0.9, ge=0, le=1, description="probability of the repetition; else any word, uniformly")
    stop: float = Field(0.06, ge=0.01, le=0.99, description="probability that the line ends, after `distance` words")

    def source(self) -> RecallSource:
        """The source with these options; it has no probabilities that were drawn."""
        return RecallSource(words(self.words), self.distance, self.repeat, self.stop)


@dataclass(frozen=True)
class RecallSource(Source):
    """Lines of `distance` random words, then each word is the one `distance` words back, or else a random one."""

    words: tuple[str, ...]
    distance: int
    repeat: float
    stop: float

    @property
    def description(self) -> str:
        return f"recall over {len(self.words)} words: what comes next stood {self.distance} words back"

    def walk(self, lines: int, rng: np.random.Generator) -> Step:
        last = np.zeros((lines, self.distance), dtype=np.int64)
        places = count()

        def step(going: Ints) -> Ints:
            place = next(places)
            drawn = rng.integers(self.end, size=len(going))
            if place >= self.distance:
                repeated = rng.random(len(going)) < self.repeat
                drawn = np.where(repeated, last[going, place % self.distance], drawn)
                drawn[rng.random(len(going)) < self.stop] = self.end
            last[going, place % self.distance] = drawn
            return drawn

        return step

    def logprobs(self, symbols: Ints) -> Floats:
        starts = line_starts(symbols, self.end)
        early = np.arange(len(symbols)) - np.repeat(starts, np.diff(starts, append=len(symbols))) < self.distance
        back = np.full(len(symbols), -1)
        back[self.distance :] = symbols[: max(0, len(symbols) - self.distance)]
        ended, repeated = symbols == self.end, symbols == back
        first = np.where(ended, 0.0, 1 / self.end)
        later = np.where(ended, self.stop, np.where(repeated, self._repeated, self._other))
        return logs_of(np.where(early, first, later))

    def next_probabilities(self, beginning: Ints) -> Floats:
        if len(beginning) < self.distance:
            return np.array([*[1 / self.end] * self.end, 0.0])
        probabilities = np.array([*[self._other] * self.end, self.stop])
        probabilities[beginning[-self.distance]] = self._repeated
        return probabilities

    @property
    def mean_events(self) -> float:
        return self.distance + 1 / self.stop

    def entropy_rate(self) -> float:
        """`distance` uniform words, then 1 / stop places like each other, of which the last is the line end."""
        place = np.array([self.stop, self._repeated, *[self._other] * (self.end - 1)])
        bits = self.distance * np.log2(self.end) + entropies(place) / self.stop
        return float(bits / ((self.distance + 1 / self.stop - 1) * self.sizes[: self.end].mean()))

    @property
    def _repeated(self) -> float:
        return (1 - self.stop) * self.repeat + self._other

    @property
    def _other(self) -> float:
        """P(one certain word that is not repeated)."""
        return (1 - self.stop) * (1 - self.repeat) / self.end
