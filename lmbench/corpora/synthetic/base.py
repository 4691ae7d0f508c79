"""The base of all sources: their options, and lines of symbols that are drawn, spelled and scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain, count, islice, product
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from lmbench.arrays import Floats, Ints
from lmbench.errors import CorpusError
from lmbench.score import Score
from lmbench.spec import Options

SymbolSampler = Callable[[Ints], Ints]
"""Draws one more symbol of each unfinished line: takes the numbers of these lines, and returns their symbols."""

Lines = Annotated[int, Field(ge=1, le=10_000_000, description="lines of the training split")]
"""The type of the option that every source has, with a default of its own."""

LINE_END = "\n"
_LINES_AT_ONCE = 8192
_EVENTS_AT_ONCE = 1 << 20  # drawing, spelling and scoring them takes about 100 bytes each
_MOST_HELD_OUT = 10_000  # lines of the validation split, and of the test split
_STREAMS = ("source", "train", "valid", "test")
_SYLLABLES = tuple(consonant + vowel for consonant in "bdgkmlnprstvz" for vowel in "aeiou")


class SourceOptions(Options):
    """The options of every source."""

    only_new: ClassVar[bool] = False
    """Whether lines of the training split are left out of the other splits."""

    lines: Lines = 6000
    seed: int = Field(0, ge=0, lt=2**32, description="seed of the source's own probabilities and of all lines")

    def source(self) -> SyntheticSource:
        """Return the source with these options."""
        raise NotImplementedError

    def generator(self, stream: str) -> np.random.Generator:
        """Return the random numbers of one stream: a split's name, or "source" for the source's own probabilities."""
        return np.random.default_rng([self.seed, _STREAMS.index(stream)])

    @property
    def split_lines(self) -> dict[str, int]:
        """Number of lines of each split.

        The validation split has a tenth and the test split a sixth as many lines as the training split, each at most
        10,000.
        """
        held_out = {"valid": 10, "test": 6}
        return {"train": self.lines} | {
            name: min(_MOST_HELD_OUT, -(-self.lines // share)) for name, share in held_out.items()
        }


class SyntheticSource(ABC):
    """A random source of independent lines of words.

    Symbol i is the word ``words[i]``; the last symbol, `end`, is the line end. A text of symbols is an (events,) int64
    array: line after line, each with its line end. Without a line end, the last line is the beginning of one.
    """

    words: tuple[str, ...]

    @property
    @abstractmethod
    def description(self) -> str:
        """Human-readable description of the source, in a few words."""

    @abstractmethod
    def draw_blocks(self, lines: int, rng: np.random.Generator) -> Iterator[Ints]:
        """Yield the lines of `draw` in blocks of whole lines; a block needs at most about 100 MiB of memory."""

    @abstractmethod
    def logprobs(self, symbols: Ints) -> Floats:
        """Return log P(symbol | the line before it), (events,) nats; -inf for an impossible symbol."""

    @abstractmethod
    def entropy_rate(self) -> float | None:
        """Return the expected bits of a line over its expected bytes; None if a closed form is not known."""

    @property
    @abstractmethod
    def mean_events(self) -> float:
        """Expected number of events of a line: its words and its line end."""

    @property
    def end(self) -> int:
        """The line end's symbol."""
        return len(self.words)

    @cached_property
    def sizes(self) -> Ints:
        """(symbols,) bytes of each word and of the space or line end that follows it; 0 for the line end itself."""
        return np.array([*(len(word.encode()) + 1 for word in self.words), 0])

    def draw(self, lines: int, rng: np.random.Generator) -> Ints:
        """Draw lines. With the same random numbers, a longer text begins with the shorter one.

        Args:
            lines: How many.
            rng: The random numbers.

        Returns:
            (events,) symbols.
        """
        return np.concatenate(list(self.draw_blocks(lines, rng)))

    def texts(self, symbols: Ints) -> tuple[str, ...]:
        """Return the text of each line, line end included."""
        within = [*(" " + word for word in self.words), LINE_END]
        spelled = np.array([*within, *self.words, LINE_END], dtype=object)
        first = np.zeros(len(symbols), dtype=np.int64)
        first[line_starts(symbols, self.end)] = len(within)
        return tuple(line + LINE_END for line in "".join(spelled[symbols + first]).split(LINE_END)[:-1])

    def symbols(self, document: str) -> Ints:
        """Return a text as symbols, (events,).

        Raises:
            CorpusError: It has a word that the source does not know.
        """
        ids = {word: symbol for symbol, word in enumerate(self.words)}
        lines = [line.split(" ") if line else [] for line in document.split(LINE_END)]
        unknown = [word for line in lines for word in line if word not in ids]
        if unknown:
            raise CorpusError(
                f"{unknown[0]!r} is not a word of the source, which has {len(ids)}, such as '{self.words[0]}'"
            )
        ended = [symbol for line in lines for symbol in (*map(ids.__getitem__, line), self.end)]
        return np.array(ended[:-1], dtype=np.int64)  # the text after the last "\n" does not have a line end

    def score(self, document: str) -> Score:
        """Return the source's own score of a text.

        The events are the words, each with the space before it, and the line ends.

        Raises:
            CorpusError: It has a word that the source does not know.
        """
        symbols = self.symbols(document)
        sizes = np.where(symbols == self.end, 1, self.sizes[symbols])
        sizes[line_starts(symbols, self.end)] -= symbols[line_starts(symbols, self.end)] != self.end
        return Score(np.cumsum(sizes), self.logprobs(symbols), np.zeros(len(symbols)))

    def costs(self, symbols: Ints) -> Floats:
        """Return the nats that the source itself needs for each line, (lines,): the floor for every model."""
        return -np.add.reduceat(self.logprobs(symbols), line_starts(symbols, self.end))


class SampledSource(SyntheticSource):
    """A source that draws the next symbols of many lines in parallel."""

    @abstractmethod
    def make_sampler(self, lines: int, rng: np.random.Generator) -> SymbolSampler:
        """Return a function that draws the next symbols of `lines` lines."""

    def draw_blocks(self, lines: int, rng: np.random.Generator) -> Iterator[Ints]:
        together = max(1, min(_LINES_AT_ONCE, int(_EVENTS_AT_ONCE // self.mean_events)))
        for first in range(0, lines, together):
            symbols = _draw_in_parallel(self.make_sampler(together, rng), together, self.end)
            ends = np.flatnonzero(symbols == self.end)
            yield symbols[: ends[min(together, lines - first) - 1] + 1]


def make_words(number: int) -> tuple[str, ...]:
    """Return the first words made of syllables: ba, be, bi, …, zu, baba, …"""
    spelled = chain.from_iterable(product(_SYLLABLES, repeat=length) for length in count(1))
    return tuple(map("".join, islice(spelled, number)))


def line_starts(symbols: Ints, end: int) -> Ints:
    """Return the index of each line's first symbol, (lines,)."""
    return np.flatnonzero(np.concatenate([[end], symbols[:-1]]) == end)[: len(symbols)]


def _draw_in_parallel(sample: SymbolSampler, lines: int, end: int) -> Ints:
    """Draw all lines to their ends, and return their symbols line after line."""
    unfinished = np.arange(lines)
    owners, drawn = [], []
    while len(unfinished):
        symbols = sample(unfinished)
        owners.append(unfinished)
        drawn.append(symbols)
        unfinished = unfinished[symbols != end]
    return np.concatenate(drawn)[np.argsort(np.concatenate(owners), kind="stable")]
