"""Computes the numbers of a table from scores.

Bits are summed over the whole split before anything is divided, and the denominators come from the corpus, so that all
models divide by the same number. The exception is token perplexity, which divides by the model's own events. Every
number that lmbench reports or ranks is computed here; models divide only for exhibits such as training curves.
docs/scoring.md defines each number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from lmbench.arrays import AnyInts, Flags, Floats, Ints
from lmbench.corpus import WORD_SEPARATORS
from lmbench.score import JoinedScores, Score, join_groups, naming_document, probability_violation, tiling_violation

_WHITE = np.array([chr(code).isspace() for code in range(0x3002)])  # Unicode has no white space beyond U+3001
_SEPARATES = np.array([chr(code) in WORD_SEPARATORS for code in range(len(_WHITE))])
SUMS = ("bits", "spelling_bits", "unknown_bits")
"""The fields of a Tally that are sums of bits; the others are counts."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and sums for each document. Every array is (documents,).

    The counts of an Evaluation are int64. During the evaluation, a count has the narrowest unsigned type that holds all
    documents, so that millions of documents need little memory.

    Attributes:
        bytes: UTF-8 bytes.
        characters: Unicode code points.
        words: Words separated by white space of any kind.
        line_ends: Occurrences of ``"\\n"``.
        events: The model's events.
        unknown: The events that a letter model spelled.
        by_words: 1 if the events are exactly the document's words, as KenLM and SRILM separate them, and its line ends;
            else 0.
        bits: float64, everything that the model charged.
        spelling_bits: float64, the letter model's part of it.
        unknown_bits: float64, the cost of unknown events without their spelling: -log2 P(<unk> | history).
    """

    bytes: AnyInts
    characters: AnyInts
    words: AnyInts
    line_ends: AnyInts
    events: AnyInts
    unknown: AnyInts
    by_words: AnyInts
    bits: Floats
    spelling_bits: Floats
    unknown_bits: Floats

    def widened(self) -> Tally:
        """Return a copy with counts in int64, which can be added and subtracted without overflow."""
        return Tally(
            **{
                name: getattr(self, name).astype(np.float64 if name in SUMS else np.int64)
                for name in Tally.__dataclass_fields__
            }
        )


class TallyColumns:
    """A Tally that is filled in place, from the first document to the last."""

    def __init__(self, documents: int) -> None:
        self._filled = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(documents, dtype=np.float64 if name in SUMS else np.uint8)
            for name in Tally.__dataclass_fields__
        }

    def add(self, part: Tally) -> None:
        """Add the counts and sums of the next documents."""
        rows = slice(self._filled, self._filled + len(part.bytes))
        for name, column in self._columns.items():
            values = getattr(part, name)
            if (wider := np.promote_types(column.dtype, values.dtype)) != column.dtype:
                self._columns[name] = column = column.astype(wider)
            column[rows] = values
        self._filled = rows.stop

    def tally(self) -> Tally:
        """Return the tally of the documents so far, without a copy."""
        return Tally(**{name: column[: self._filled] for name, column in self._columns.items()})


class Metrics(BaseModel):
    """The numbers of one cell. Closed-vocabulary perplexities are None unless the events are the corpus's words.

    Attributes:
        floor: Bits per byte that the source itself needs for this text, if the source is known.
        excess: bits_per_byte less the floor; below 0 only by chance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    documents: int
    bytes: int
    characters: int
    words: int
    line_ends: int
    events: int
    unknown: int
    bits: float
    bits_per_byte: float
    bits_per_character: float
    word_perplexity: float
    token_perplexity: float
    oov_rate: float
    kenlm_including_oovs: float | None
    kenlm_excluding_oovs: float | None
    srilm_ppl: float | None
    srilm_ppl1: float | None
    floor: float | None
    excess: float | None = None  # older results do not have it

    @model_validator(mode="before")
    @classmethod
    def _drop_intervals(cls, values: Any) -> Any:
        """Leave out the intervals that older results hold: they are computed when a table is made."""
        is_older = isinstance(values, dict) and {"low", "high"} <= values.keys()
        return {name: value for name, value in values.items() if name not in ("low", "high")} if is_older else values


def tally(documents: Sequence[str], scores: object, first: int = 0) -> Tally:
    """Count and sum each document.

    Args:
        documents: The documents.
        scores: One score for each document, as a model returned them. They are copied before they are checked.
        first: The number of the first document, for errors.

    Raises:
        ScoreError: A score breaks the contract; the message gives the document's number.
    """
    columns, numbers, done = TallyColumns(len(documents)), range(first, first + len(documents)), 0
    for joined in join_groups(scores, documents, numbers):
        rows = slice(done, done + len(joined.events))
        columns.add(tally_joined(documents[rows], joined, numbers[rows]))
        done = rows.stop
    return columns.tally()


def tally_joined(documents: Sequence[str], scores: JoinedScores, numbers: Sequence[int]) -> Tally:
    """Count and sum each document.

    Args:
        documents: The documents, which together are small enough for arrays with a number for each character.
        scores: Their scores. They must not change any more.
        numbers: The number of each document, for errors.

    Raises:
        ScoreError: A score breaks the contract; the message gives the document's number.
    """
    text = _JoinedText.of(documents)
    ends = _check_joined(documents, scores, text, numbers)
    events, unknown = scores.events, scores.spelling < 0
    costs, spelling_costs = bits(scores.logprobs), bits(scores.spelling)
    return Tally(
        bytes=_narrow(text.sizes),
        characters=_narrow(np.diff(text.borders)),
        words=_narrow(_count_between(text.borders, text.word_ends)),
        line_ends=_narrow(_count_between(text.borders, text.line_ends)),
        events=_narrow(events),
        unknown=_narrow(_count_between(scores.borders, unknown)),
        by_words=_are_words(ends, events, text).astype(np.uint8),
        bits=_sums(costs, events),
        spelling_bits=_sums(spelling_costs, events),
        unknown_bits=_sums(np.where(unknown, costs - spelling_costs, 0.0), events),
    )


def _check_joined(documents: Sequence[str], scores: JoinedScores, text: _JoinedText, numbers: Sequence[int]) -> Ints:
    """Check that the scores keep the contract, and return the ends of the events in the joined text.

    Scores that end with their documents tile them if and only if the joined score tiles the joined text, which takes a
    fraction of the time to check. Each score is checked only if something is wrong, to name the document.
    """
    events, borders = scores.events, scores.borders
    last, some = np.zeros(len(documents), dtype=np.int64), events > 0
    last[some] = scores.ends[borders[1:][some] - 1]
    ends: Ints = scores.ends + np.repeat(text.offsets[text.borders[:-1]], events)
    whole = Score(ends, scores.logprobs, scores.spelling)
    if (
        (last != text.sizes).any()
        or tiling_violation(whole, text.document)
        or probability_violation(whole, text.document)
    ):
        for row, document in enumerate(documents):
            with naming_document(numbers[row]):
                scores.score(int(borders[row]), int(borders[row + 1])).check(document)
    return ends


@dataclass(frozen=True, slots=True)
class _JoinedText:
    """Documents joined into one text.

    Attributes:
        document: The text.
        borders: (documents + 1,) code points before each document, and in all.
        offsets: (code points + 1,) bytes before each code point, and in all.
        word_ends: (code points,) whether the code point is the last of a white-space word.
        separated_ends: (code points,) whether it is the last of a word as KenLM and SRILM separate them.
        line_ends: (code points,) whether the code point is a line end.
    """

    document: str
    borders: Ints
    offsets: Ints
    word_ends: Flags
    separated_ends: Flags
    line_ends: Flags

    @classmethod
    def of(cls, documents: Sequence[str]) -> _JoinedText:
        document = "".join(documents)
        codes = np.frombuffer(document.encode("utf-32-le"), dtype=np.uint32)
        borders = _borders(np.array(list(map(len, documents))))
        known = np.minimum(codes, len(_WHITE) - 1)
        ends, separated_ends = (_word_ends(white[known], borders) for white in (_WHITE, _SEPARATES))
        sizes = 1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF).astype(np.int64)
        return cls(document, borders, _borders(sizes), ends, separated_ends, codes == ord("\n"))

    @property
    def sizes(self) -> Ints:
        """The bytes of each document, (documents,)."""
        sizes: Ints = np.diff(self.offsets[self.borders])
        return sizes


def _word_ends(white: Flags, borders: Ints) -> Flags:
    """Return whether each code point is the last of a word. A word also ends with its document."""
    before_white = np.append(white[1:], True)
    before_white[borders[borders > 0] - 1] = True
    ends: Flags = ~white & before_white
    return ends


def _are_words(ends: Ints, events: Ints, text: _JoinedText) -> Flags:
    """Return whether each document's events are exactly its words and line ends, (documents,).

    Args:
        ends: (events,) byte offsets in the joined text.
        events: (documents,) the number of events of each document.
        text: The documents.
    """
    either = text.separated_ends | text.line_ends
    expected = _count_between(text.borders, either)
    are: Flags = events == expected
    if are.any():  # the numbers agree by chance alone for models of anything but words
        found = ends[np.repeat(are, events)]
        wanted = text.offsets[1:][either][np.repeat(are, expected)]
        are[np.repeat(np.flatnonzero(are), events[are])[found != wanted]] = False
    return are


def _borders(counts: Ints) -> Ints:
    """Return the number of items before each group, and in all: 0, first, first + second, …"""
    return np.concatenate([[0], np.cumsum(counts)])


def _count_between(borders: Ints, flags: Flags) -> Ints:
    """Count the flags that are set between each border and the next."""
    counts: Ints = np.diff(_borders(flags.astype(np.int64))[borders])
    return counts


def _sums(values: Floats, counts: Ints) -> Floats:
    """Return the sum of the first counts[0] values, of the next counts[1], …"""
    sums, some = np.zeros(len(counts)), counts > 0
    if some.any():
        sums[some] = np.add.reduceat(values, _borders(counts)[:-1][some])
    return sums


def _narrow(counts: Ints) -> AnyInts:
    """Return the counts in the narrowest unsigned type that holds them."""
    narrow: AnyInts = counts.astype(np.min_scalar_type(counts.max(initial=0)))
    return narrow


def summarize(tally: Tally, floor: Sequence[float] | None = None) -> Metrics:
    """Return the metrics of a split.

    Args:
        tally: The counts and sums of its documents.
        floor: Nats that the source needs for each document, if the source is known.
    """
    total = {name: getattr(tally, name).sum() for name in Tally.__dataclass_fields__}
    size, characters, words = int(total["bytes"]), int(total["characters"]), int(total["words"])
    line_ends, events, unknown = int(total["line_ends"]), int(total["events"]), int(total["unknown"])
    total_bits, closed_bits = float(total["bits"]), float(total["bits"] - total["spelling_bits"])
    known_bits = closed_bits - float(total["unknown_bits"])
    known_log10 = -known_bits * math.log10(2)
    are_words = bool(tally.by_words.all())
    floor_bits = math.fsum(floor) / math.log(2) if floor is not None else None
    return Metrics(
        documents=len(tally.bytes),
        bytes=size,
        characters=characters,
        words=words,
        line_ends=line_ends,
        events=events,
        unknown=unknown,
        bits=total_bits,
        bits_per_byte=bits_per_byte(total_bits, size),
        bits_per_character=total_bits / characters,
        word_perplexity=perplexity(total_bits, words + line_ends),
        token_perplexity=perplexity(total_bits, events),
        oov_rate=unknown / events,
        kenlm_including_oovs=perplexity(closed_bits, events) if are_words else None,
        kenlm_excluding_oovs=perplexity(known_bits, events - unknown) if are_words else None,
        srilm_ppl=srilm_ppl(known_log10, events - line_ends, unknown, line_ends) if are_words else None,
        srilm_ppl1=srilm_ppl1(known_log10, events - line_ends, unknown) if are_words else None,
        floor=floor_bits / size if floor_bits is not None else None,
        excess=(total_bits - floor_bits) / size if floor_bits is not None else None,
    )


def bits(logprobs: Floats) -> Floats:
    """Return the surprisals in bits of log-probabilities in nats."""
    return np.abs(logprobs) / math.log(2)


def perplexity(total_bits: float, count: int) -> float:
    """Return 2^(total bits / count): infinity beyond the range of floating point, NaN if nothing is counted."""
    if count <= 0:
        return math.nan
    exponent = total_bits / count
    return 2.0**exponent if exponent < 1024 else math.inf


def bits_per_byte(total_bits: float, size: int) -> float:
    """Return the bits of a text / its UTF-8 bytes."""
    return total_bits / size


def rate(amount: int, seconds: float) -> float:
    """Return the amount per second: infinity if no time passed on the clock."""
    return amount / seconds if seconds > 0 else math.inf


def srilm_ppl(logprob: float, words: int, oovs: int, sentences: int, zeroprobs: int = 0) -> float:
    """Return SRILM's ppl: 10^(-logprob / (words - OOVs - zeroprobs + sentences)).

    Args:
        logprob: log10 of the probability of the known events.
        words: Words, unknown ones included.
        oovs: Unknown words.
        sentences: Line ends.
        zeroprobs: Words of probability 0, which SRILM leaves out.
    """
    return perplexity(-logprob / math.log10(2), words - oovs - zeroprobs + sentences)


def srilm_ppl1(logprob: float, words: int, oovs: int, zeroprobs: int = 0) -> float:
    """Return SRILM's ppl1, which pays for line ends but does not count them; the arguments are those of `srilm_ppl`."""
    return srilm_ppl(logprob, words, oovs, 0, zeroprobs)
