"""What all sources share: their options, lines of symbols and how they are spelled, and the corpus that they make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from itertools import chain, count, islice, product

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError
from lmbench.model import Score
from lmbench.spec import Options

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = Callable[[Ints], Ints]
"""Called again and again as ``step(numbers of the lines that go on)``: the next symbol of each."""

LINE_END = "\n"
_LINES_AT_ONCE = 8192
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
    def end(self) -> int:
        """The line end's symbol."""
        return len(self.words)

    @cached_property
    def sizes(self) -> Ints:
        """(symbols,): bytes of each word and of the one space or line end after it; 0 for the line end itself."""
        return np.array([*(len(word.encode()) + 1 for word in self.words), 0])

    def draw(self, lines: int, rng: np.random.Generator) -> Ints:
        """Lines of symbols. With the same random numbers, fewer lines are the beginning of more."""
        blocks = [
            _side_by_side(self.walk(_LINES_AT_ONCE, rng), _LINES_AT_ONCE, self.end)
            for _ in range(0, lines, _LINES_AT_ONCE)
        ]
        symbols = np.concatenate(blocks)
        return symbols[: np.flatnonzero(symbols == self.end)[lines - 1] + 1]

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
    """The corpus `name` of the source `kind` with these options, one document a line."""
    source = options.source()
    drawn = {split: source.draw(lines, options.generator(split)) for split, lines in options.split_lines.items()}
    train, valid, test = (Split(source.texts(symbols)) for symbols in drawn.values())
    rate = source.entropy_rate()
    return Corpus(
        name,
        train,
        valid,
        test,
        reading=",".join(["lines", f"source={kind}", *(f"{key}={value}" for key, value in options)]),
        tokenised=True,
        description=f"synthetic: {source.description}",
        floor=tuple(source.costs(drawn["test"]).tolist()),
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
    return sums / sums[..., -1:]


def categorical(cumulative: Floats, rows: Ints, rng: np.random.Generator) -> Ints:
    """One draw from each of these rows of cumulative distributions; what has no probability is never drawn."""
    drawn: Ints = (cumulative[rows] <= rng.random(len(rows))[:, None]).sum(axis=1)
    return drawn


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
