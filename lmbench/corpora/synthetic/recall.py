"""The source ``recall``: each word repeats the one a fixed number of words back, and nothing nearer helps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
from pydantic import Field

from lmbench.arrays import Floats, Ints
from lmbench.corpora.synthetic.base import (
    Lines,
    SampledSource,
    SourceOptions,
    SymbolSampler,
    line_starts,
    make_words,
)
from lmbench.corpora.synthetic.distributions import entropies, natural_logs


class RecallOptions(SourceOptions):
    """Options of the source recall."""

    lines: Lines = 3000
    distance: int = Field(6, ge=1, le=1000, description="distance of the repeated word, in words")
    words: int = Field(24, ge=1, le=100_000, description="number of words")
    repeat: float = Field(0.9, ge=0, le=1, description="probability of a repetition; otherwise any word, uniformly")
    stop: float = Field(0.06, ge=0.01, le=0.99, description="probability that the line ends, after `distance` words")

    def source(self) -> RecallSource:
        """Return the source with these options; nothing about it is random."""
        return RecallSource(make_words(self.words), self.distance, self.repeat, self.stop)


@dataclass(frozen=True)
class RecallSource(SampledSource):
    """Lines of `distance` random words, followed by words that repeat the one `distance` words back or are random."""

    words: tuple[str, ...]
    distance: int
    repeat: float
    stop: float

    @property
    def description(self) -> str:
        return f"recall over {len(self.words)} words: the next word repeats the one {self.distance} words back"

    def make_sampler(self, lines: int, rng: np.random.Generator) -> SymbolSampler:
        last = np.zeros((lines, self.distance), dtype=np.int64)  # a ring of each line's last words
        places = count()

        def sample(unfinished: Ints) -> Ints:
            place = next(places)
            drawn = rng.integers(self.end, size=len(unfinished))
            if place >= self.distance:
                repeated = rng.random(len(unfinished)) < self.repeat
                drawn = np.where(repeated, last[unfinished, place % self.distance], drawn)
                drawn[rng.random(len(unfinished)) < self.stop] = self.end
            last[unfinished, place % self.distance] = drawn
            return drawn

        return sample

    def logprobs(self, symbols: Ints) -> Floats:
        starts = line_starts(symbols, self.end)
        early = np.arange(len(symbols)) - np.repeat(starts, np.diff(starts, append=len(symbols))) < self.distance
        back = np.full(len(symbols), -1)
        back[self.distance :] = symbols[: max(0, len(symbols) - self.distance)]
        ended, repeated = symbols == self.end, symbols == back
        first = np.where(ended, 0.0, 1 / self.end)
        later = np.where(ended, self.stop, np.where(repeated, self._repeated, self._other))
        return natural_logs(np.where(early, first, later))

    @property
    def mean_events(self) -> float:
        return self.distance + 1 / self.stop

    def entropy_rate(self) -> float:
        """Return (d log2 W + H / s) over the expected bytes; the symbols are those of docs/sources.md."""
        place = np.array([self.stop, self._repeated, *[self._other] * (self.end - 1)])
        bits = self.distance * np.log2(self.end) + entropies(place) / self.stop
        return float(bits / ((self.distance + 1 / self.stop - 1) * self.sizes[: self.end].mean()))

    @property
    def _repeated(self) -> float:
        """P(the word `distance` words back)."""
        return (1 - self.stop) * self.repeat + self._other

    @property
    def _other(self) -> float:
        """P(w), for a word w other than the one `distance` words back."""
        return (1 - self.stop) * (1 - self.repeat) / self.end
