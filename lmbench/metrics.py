"""From scores to the numbers of a table: the only place that divides.

Bits are summed over the whole split before anything is divided; the denominators come from the corpus (token
perplexity, which is over the model's own events, excepted). docs/scoring.md defines each number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lmbench.errors import ScoreError
from lmbench.score import Score
from lmbench.statistics import ratio_interval

Ints = NDArray[np.int64]
Counts = NDArray[np.unsignedinteger[Any]]
Floats = NDArray[np.float64]

_TOGETHER = 1 << 16  # characters of documents that are counted together
_WHITE = np.array([chr(code).isspace() for code in range(0x3002)])  # as str.split has it; beyond there is none
SUMS = ("bits", "spelling_bits", "unknown_bits")
"""The fields of a Tally that are no counts."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums for each document, of what the corpus has and of what a model charged; every array is (documents,).

    Counts are of the narrowest unsigned type that holds them all, so that millions of documents need little memory:
    widen them before you subtract or multiply.

    bytes, characters  UTF-8 bytes and Unicode code points
    words, line_ends   white-space-separated words, and ``"\\n"``
    events, unknown    the model's events, and those of them that were spelled by a letter model
    by_words           1 where the events are exactly the document's words and line ends, else 0
    bits               float64, all that the model charged
    spelling_bits      float64, the letter model's part of it
    unknown_bits       float64, what the unknown events cost without their spelling: -log2 P(<unk> | history)
    """

    bytes: Counts
    characters: Counts
    words: Counts
    line_ends: Counts
    events: Counts
    unknown: Counts
    by_words: Counts
    bits: Floats
    spelling_bits: Floats
    unknown_bits: Floats


class TallyColumns:
    """A Tally that is filled from its first document to its last, in place."""

    def __init__(self, documents: int) -> None:
        self._filled = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(documents, dtype=np.float64 if name in SUMS else np.uint8)
            for name in Tally.__dataclass_fields__
        }

    def add(self, part: Tally) -> None:
        """The sums of the next documents."""
        rows = slice(self._filled, self._filled + len(part.bytes))
        for name, column in self._columns.items():
            values = getattr(part, name)
            if (wider := np.promote_types(column.dtype, values.dtype)) != column.dtype:
                self._columns[name] = column = column.astype(wider)
            column[rows] = values
        self._filled = rows.stop

    def tally(self) -> Tally:
        """The sums of the documents so far; no copy is made."""
        return Tally(**{name: column[: self._filled] for name, column in self._columns.items()})


class Metrics(BaseModel):
    """The numbers of one cell. Closed-vocabulary perplexities are None unless the events are the corpus's words.

    low, high  95 % bootstrap interval of bits_per_byte over documents; None for a single document
    floor      bits per byte that the source itself needs for this text, where the source is known
    excess     bits_per_byte less the floor; below 0 only by the chance of this text
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
    low: float | None
    high: float | None
    bits_per_character: float
    word_perplexity: float
    token_perplexity: float
    oov_rate: float
    kenlm_including_oovs: float | None
    kenlm_excluding_oovs: float | None
    srilm_ppl: float | None
    srilm_ppl1: float | None
    floor: float | None
    excess: float | None = None  # results stored before there was one still load


def tally(documents: Sequence[str], scores: Sequence[Score], first: int = 0) -> Tally:
    """Count and sum each document.

    Args: first, the number of the first document. Raises ScoreError, with the document's number, where a score breaks
    the contract.
    """
    if len(documents) != len(scores):
        raise ScoreError(f"{len(scores)} scores for {len(documents)} documents")
    columns = TallyColumns(len(documents))
    for rows in _groups(documents):
        columns.add(_tally(documents[rows], scores[rows], first + rows.start))
    return columns.tally()


def _groups(documents: Sequence[str]) -> Iterator[slice]:
    """Consecutive documents that are counted together: NumPy's overhead is shared, and what it makes is small."""
    start = size = 0
    for end, document in enumerate(documents, start=1):
        size += len(document)
        if size >= _TOGETHER or end == len(documents):
            yield slice(start, end)
            start, size = end, 0


def _tally(documents: Sequence[str], scores: Sequence[Score], first: int) -> Tally:
    text = _Text.of(documents)
    if not _keep_the_contract(scores, text):
        for number, (document, score) in enumerate(zip(documents, scores, strict=True), first):
            try:
                score.check(document)
            except ScoreError as error:
                raise ScoreError(f"document {number}: {error}") from None
    events = np.array([len(score.ends) for score in scores])
    spelling = np.concatenate([score.spelling for score in scores])
    unknown = spelling < 0
    cost, spelling_cost = bits(np.concatenate([score.logprobs for score in scores])), bits(spelling)
    return Tally(
        _narrow(text.sizes),
        _narrow(np.diff(text.borders)),
        _narrow(_within(text.borders, text.word_ends)),
        _narrow(_within(text.borders, text.line_ends)),
        _narrow(events),
        _narrow(_within(_borders(events), unknown)),
        _are_words(scores, events, text).astype(np.uint8),
        _sums(cost, events),
        _sums(spelling_cost, events),
        _sums(np.where(unknown, cost - spelling_cost, 0.0), events),
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """Documents one after the other.

    borders    (documents + 1,) code points before each document, and all
    offsets    (code points + 1,) bytes before each code point, and all
    word_ends  (code points,) whether the code point is the last of a white-space word
    line_ends  (code points,) whether it is a line end
    """

    borders: Ints
    offsets: Ints
    word_ends: NDArray[np.bool_]
    line_ends: NDArray[np.bool_]

    @classmethod
    def of(cls, documents: Sequence[str]) -> _Text:
        codes = np.frombuffer("".join(documents).encode("utf-32-le"), dtype=np.uint32)
        borders = _borders(np.array(list(map(len, documents))))
        white = _WHITE[np.minimum(codes, len(_WHITE) - 1)]
        before_white = np.append(white[1:], True)
        before_white[borders[borders > 0] - 1] = True  # no word goes on in the next document
        bytes_of = 1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF).astype(np.int64)
        return cls(borders, _borders(bytes_of), ~white & before_white, codes == ord("\n"))

    @property
    def sizes(self) -> Ints:
        """(documents,): bytes."""
        sizes: Ints = np.diff(self.offsets[self.borders])
        return sizes


def _keep_the_contract(scores: Sequence[Score], text: _Text) -> bool:
    """What Score.check proves of each score, proved of all at once: they follow each other as their documents do."""
    if not all(s.ends.shape == s.logprobs.shape == s.spelling.shape == (len(s.ends),) for s in scores):
        return False
    reached = np.array([score.ends[-1] if len(score.ends) else 0 for score in scores])
    ends = _ends(scores, text)
    logprobs, spelling = (np.concatenate([getattr(s, name) for s in scores]) for name in ("logprobs", "spelling"))
    return bool(
        (reached == text.sizes).all()
        and (np.diff(ends, prepend=0) >= 0).all()
        and np.isfinite(logprobs).all()
        and (logprobs <= 0).all()
        and ((spelling <= 0) & (spelling >= logprobs)).all()
    )


def _ends(scores: Sequence[Score], text: _Text) -> Ints:
    """Byte offsets in the whole text at which the events of all documents end."""
    events = [len(score.ends) for score in scores]
    ends: Ints = np.concatenate([score.ends for score in scores]) + np.repeat(text.offsets[text.borders[:-1]], events)
    return ends


def _are_words(scores: Sequence[Score], events: Ints, text: _Text) -> NDArray[np.bool_]:
    """(documents,): whether the events are exactly the document's words and line ends."""
    either = text.word_ends | text.line_ends
    expected = _within(text.borders, either)
    are: NDArray[np.bool_] = events == expected
    if are.any():  # models of anything but words agree in number by chance alone
        found = _ends(scores, text)[np.repeat(are, events)]
        meant = text.offsets[1:][either][np.repeat(are, expected)]
        are[np.repeat(np.flatnonzero(are), events[are])[found != meant]] = False
    return are


def _borders(counts: Ints) -> Ints:
    """The number before each, and all: 0, first, first + second, …"""
    return np.concatenate([[0], np.cumsum(counts)])


def _within(borders: Ints, flags: NDArray[np.bool_]) -> Ints:
    """How many flags are set between each border and the next."""
    counts: Ints = np.diff(_borders(flags.astype(np.int64))[borders])
    return counts


def _sums(values: Floats, counts: Ints) -> Floats:
    """The sum of the first counts[0] values, of the next counts[1], …"""
    sums, some = np.zeros(len(counts)), counts > 0
    if some.any():
        sums[some] = np.add.reduceat(values, _borders(counts)[:-1][some])
    return sums


def _narrow(counts: Ints) -> Counts:
    narrow: Counts = counts.astype(np.min_scalar_type(counts.max(initial=0)))
    return narrow


def summarize(counts: Tally, floor: Sequence[float] | None = None) -> Metrics:
    """The metrics of a split. Args: floor, nats that the source needs for each document."""
    total = {name: getattr(counts, name).sum() for name in Tally.__dataclass_fields__}
    size, characters, words = int(total["bytes"]), int(total["characters"]), int(total["words"])
    line_ends, events, unknown = int(total["line_ends"]), int(total["events"]), int(total["unknown"])
    total_bits, closed = float(total["bits"]), float(total["bits"] - total["spelling_bits"])
    known = closed - float(total["unknown_bits"])
    are_words = bool(counts.by_words.all())
    interval = ratio_interval(counts.bits, counts.bytes)
    floor_bits = math.fsum(floor) / math.log(2) if floor is not None else None
    return Metrics(
        documents=len(counts.bytes),
        bytes=size,
        characters=characters,
        words=words,
        line_ends=line_ends,
        events=events,
        unknown=unknown,
        bits=total_bits,
        bits_per_byte=total_bits / size,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        bits_per_character=total_bits / characters,
        word_perplexity=perplexity(total_bits, words + line_ends),
        token_perplexity=perplexity(total_bits, events),
        oov_rate=unknown / events,
        kenlm_including_oovs=perplexity(closed, events) if are_words else None,
        kenlm_excluding_oovs=perplexity(known, events - unknown) if are_words else None,
        srilm_ppl=srilm_ppl(-known * math.log10(2), words, unknown, line_ends) if are_words else None,
        srilm_ppl1=srilm_ppl1(-known * math.log10(2), words, unknown) if are_words else None,
        floor=floor_bits / size if floor_bits is not None else None,
        excess=(total_bits - floor_bits) / size if floor_bits is not None else None,
    )


def bits(logprobs: Floats) -> Floats:
    """Surprisals in bits of log-probabilities in nats."""
    return np.abs(logprobs) / math.log(2)


def perplexity(total_bits: float, count: int) -> float:
    """2^(total bits / count); infinite where that is beyond floating point, and for no events at all not a number."""
    if count <= 0:
        return math.nan
    exponent = total_bits / count
    return 2.0**exponent if exponent < 1024 else math.inf


def rate(amount: int, seconds: float) -> float:
    """Amount per second; infinite where the clock saw no time pass."""
    return amount / seconds if seconds > 0 else math.inf


def srilm_ppl(logprob: float, words: int, oovs: int, sentences: int, zeroprobs: int = 0) -> float:
    """SRILM's ppl = 10^(-logprob / (words - OOVs - zeroprobs + sentences)); logprob in log10, without OOVs' share."""
    return perplexity(-logprob / math.log10(2), words - oovs - zeroprobs + sentences)


def srilm_ppl1(logprob: float, words: int, oovs: int, zeroprobs: int = 0) -> float:
    """SRILM's ppl1 = 10^(-logprob / (words - OOVs - zeroprobs)): the line ends' cost is kept, their number left out."""
    return srilm_ppl(logprob, words, oovs, 0, zeroprobs)
