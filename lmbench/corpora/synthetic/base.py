"""What all sources share: their options, lines of symbols and how they are spelled, and the corpus that they make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain, count, islice, product

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError
from lmbench.score import Score
from lmbench.spec import Options

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = Callable[[Ints], Ints]
"""Called again and again as ``step(numbers of the lines that go on)``: the next symbol of each."""

LINE_END = "\n"
_LINES_AT_ONCE = 8192
_EVENTS_AT_ONCE = 1 << 20  # some 100 bytes each while lines are drawn, spelled and priced
_MOST_EVENTS = 1 << 28  # of the training split, whose texts are held in memory
_MOST_HELD_OUT = 10_000
_STREAMS = ("source", "train", "valid", "test")
_SYLLABLES = tuple(consonant + vowel for consonant in "bdgkmlnprstvz" for vowel in "aeiou")


class SourceOptions(Options):
    """The options of every source."""

    lines: int = Field(6000, ge=1, le=10_000_000, description="lines of the training split")
    seed: int = Field(0, ge=0, lt=2**32, description="seed of the source's own probabilities and of all lines")

    def source(self) -> Source:
        """The source with these options."""
        raise NotImplementedError

    def generator(self, stream: str) -> np.random.Generator:
        """The random numbers of one use: "source" for the source's own probabilities, or a split's name."""
        return np.random.default_rng([self.seed, _STREAMS.index(stream)])

    @property
    def split_lines(self) -> dict[str, int]:
        """Number of lines of each split: a tenth and a sixth of the training split's beside it, at most 10,000."""
        held_out = {"valid": 10, "test": 6}
        return {"train": self.lines} | {
            name: min(_MOST_HELD_OUT, -(-self.lines // share)) for name, share in held_out.items()
        }


class Source(ABC):
    """A random source of lines of words, each line drawn anew.

    Symbol i is the word ``words[i]``, and the last symbol, `end`, the line end. Lines are (events,) int64 arrays of
    symbols, one line after the other, each with its line end; a last line without it is the beginning of a line.
    """

    words: tuple[str, ...]

    @property
    @abstractmethod
    def description(self) -> str:
        """What the source is, for people."""

    @abstractmethod
    def walk(self, lines: int, rng: np.random.Generator) -> Step:
        """The function that draws the next symbols of `lines` lines, side by side."""

    @abstractmethod
    def logprobs(self, symbols: Ints) -> Floats:
        """(events,) nats: log P(symbol | the line before it); -inf for what the source never says."""

    @abstractmethod
    def next_probabilities(self, beginning: Ints) -> Floats:
        """(symbols,): P(symbol | the beginning of a line)."""

    @abstractmethod
    def entropy_rate(self) -> float | None:
        """Bits per byte in closed form: a line's expected bits over its expected bytes; None where there is none."""

    @property
    @abstractmethod
    def mean_events(self) -> float:
        """Expected number of words of a line, its line end included."""

    @property
    def end(self) -> int:
        """The line end's symbol."""
        return len(self.words)

    @cached_property
    def sizes(self) -> Ints:
        """(symbols,): bytes of each word and of the one space or line end after it; 0 for the line end itself."""
        return np.array([*(len(word.encode()) + 1 for word in self.words), 0])

    def draw(self, lines: int, rng: np.random.Generator) -> Ints:
        """Lines of symbols. With the same random numbers, fewer lines are the beginning of more."""
        return np.concatenate(list(self.blocks(lines, rng)))

    def blocks(self, lines: int, rng: np.random.Generator) -> Iterator[Ints]:
        """What `draw` gives, some whole lines after others: as many as need some 100 MiB of memory at most."""
        together = max(1, min(_LINES_AT_ONCE, int(_EVENTS_AT_ONCE // self.mean_events)))
        for first in range(0, lines, together):
            symbols = _side_by_side(self.walk(together, rng), together, self.end)
            ends = np.flatnonzero(symbols == self.end)
            yield symbols[: ends[min(together, lines - first) - 1] + 1]

    def texts(self, symbols: Ints) -> tuple[str, ...]:
        """Lines as texts, line ends included."""
        within = [*(" " + word for word in self.words), LINE_END]
        spelled = np.array([*within, *self.words, LINE_END], dtype=object)
        first = np.zeros(len(symbols), dtype=np.int64)
        first[line_starts(symbols, self.end)] = len(within)
        return tuple(line + LINE_END for line in "".join(spelled[symbols + first]).split(LINE_END)[:-1])

    def symbols(self, document: str) -> Ints:
        """A text as symbols. Raises CorpusError for a word that is none of the source's."""
        ids = {word: symbol for symbol, word in enumerate(self.words)}
        lines = [line.split(" ") if line else [] for line in document.split(LINE_END)]
        unknown = [word for line in lines for word in line if word not in ids]
        if unknown:
            raise CorpusError(f"{unknown[0]!r} is no word of the source; it has {len(ids)}, such as '{self.words[0]}'")
        ended = [symbol for line in lines for symbol in (*map(ids.__getitem__, line), self.end)]
        return np.array(ended[:-1], dtype=np.int64)  # no line end stands after the last "\n"

    def score(self, document: str) -> Score:
        """The source's own score of a text: its events are the words, with the space before them, and the line ends."""
        symbols = self.symbols(document)
        sizes = np.where(symbols == self.end, 1, self.sizes[symbols])
        sizes[line_starts(symbols, self.end)] -= symbols[line_starts(symbols, self.end)] != self.end
        return Score(np.cumsum(sizes), self.logprobs(symbols), np.zeros(len(symbols)))

    def costs(self, symbols: Ints) -> Floats:
        """(lines,) nats that the source itself needs for each line: the floor for every model."""
        return -np.add.reduceat(self.logprobs(symbols), line_starts(symbols, self.end))


def corpus(name: str, kind: str, options: SourceOptions) -> Corpus:
    """The corpus `name` of the source `kind` with these options, one document a line. Raises CorpusError."""
    try:
        return _corpus(name, kind, options)
    except MemoryError:
        raise CorpusError(f"{name} does not fit into this machine's memory; lower its options, lines first") from None


def _corpus(name: str, kind: str, options: SourceOptions) -> Corpus:
    source = options.source()
    if options.lines * source.mean_events > _MOST_EVENTS:
        raise CorpusError(
            f"{name} is too large: its training split would have {options.lines:,} lines of {source.mean_events:,.0f} "
            f"words and line ends, and may have up to {_MOST_EVENTS:,} in all; lower lines"
        )
    texts: dict[str, list[str]] = {split: [] for split in options.split_lines}
    floor: list[float] = []
    for split, lines in options.split_lines.items():
        for symbols in source.blocks(lines, options.generator(split)):
            texts[split] += source.texts(symbols)
            floor += source.costs(symbols).tolist() if split == "test" else []
    train, valid, test = (Split(tuple(texts.pop(split))) for split in ("train", "valid", "test"))
    rate = source.entropy_rate()
    return Corpus(
        name,
        train,
        valid,
        test,
        provenance=",".join(["lines", f"source={kind}", *(f"{key}={value}" for key, value in options)]),
        tokenized=True,
        description=f"synthetic: {source.description}",
        floor=tuple(floor),
        floor_note="the source's own log-probability of the test text"
        + (f"; its entropy rate is {rate:.4f} bits per byte" if rate is not None else ""),
    )


def words(number: int) -> tuple[str, ...]:
    """The first words made of syllables: ba, be, bi, …, zu, baba, …"""
    spelled = chain.from_iterable(product(_SYLLABLES, repeat=length) for length in count(1))
    return tuple(map("".join, islice(spelled, number)))


def line_starts(symbols: Ints, end: int) -> Ints:
    """(lines,): the place where each line begins."""
    return np.flatnonzero(np.concatenate([[end], symbols[:-1]]) == end)[: len(symbols)]


def cumulated(probabilities: Floats) -> Floats:
    """The cumulative distribution of each row, its last value exactly 1."""
    sums: Floats = probabilities.cumsum(axis=-1)
    sums /= sums[..., -1:].copy()
    return sums


def categorical(cumulative: Floats, rows: Ints, rng: np.random.Generator) -> Ints:
    """One draw from each of these rows of cumulative distributions; what has no probability is never drawn.

    By bisection, all rows at once: the number of values that are not above a row's random number.
    """
    random, low, high = rng.random(len(rows)), np.zeros(len(rows), dtype=np.int64), np.full(len(rows), 0)
    high += cumulative.shape[1] - 1  # the last value, 1, is above every random number
    while (low < high).any():
        middle = (low + high) // 2
        below = cumulative[rows, middle] <= random
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low


def entropies(probabilities: Floats) -> Floats:
    """Bits of each row's distribution."""
    logs = np.log2(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    bits: Floats = -(probabilities * logs).sum(axis=-1)
    return bits


def logs_of(probabilities: Floats) -> Floats:
    """Natural logarithms, -inf for 0."""
    return np.log(probabilities, out=np.full(probabilities.shape, -np.inf), where=probabilities > 0)


def _side_by_side(step: Step, lines: int, end: int) -> Ints:
    going = np.arange(lines)
    owners, drawn = [], []
    while len(going):
        symbols = step(going)
        owners.append(going)
        drawn.append(symbols)
        going = going[symbols != end]
    return np.concatenate(drawn)[np.argsort(np.concatenate(owners), kind="stable")]
