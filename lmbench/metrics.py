"""From scores to the numbers of a table: the only place that divides.

Bits are summed over the whole split before anything is divided; the denominators come from the corpus (token
perplexity, which is over the model's own events, excepted). docs/scoring.md defines each number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lmbench.errors import ScoreError
from lmbench.model import Score
from lmbench.stats import ratio_interval

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_WORD_OR_LINE_END = re.compile(r"\n|\S+")


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums for each document, of what the corpus has and of what a model charged; every array is (documents,).

    bytes, characters  UTF-8 bytes and Unicode code points
    words, line_ends   white-space-separated words, and ``"\\n"``
    events, unknown    the model's events, and those of them that were spelled by a letter model
    by_words           1 where the events are exactly the document's words and line ends, else 0
    bits               all that the model charged
    spelling_bits      the letter model's part of it
    unknown_bits       what the unknown events cost without their spelling: -log2 P(<unk> | history)
    """

    bytes: Ints
    characters: Ints
    words: Ints
    line_ends: Ints
    events: Ints
    unknown: Ints
    by_words: Ints
    bits: Floats
    spelling_bits: Floats
    unknown_bits: Floats

    @classmethod
    def joined(cls, parts: Sequence[Tally]) -> Tally:
        """The sums of consecutive documents."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


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
    rows = []
    for number, (document, score) in enumerate(zip(documents, scores, strict=True), first):
        try:
            score.check(document)
        except ScoreError as error:
            raise ScoreError(f"document {number}: {error}") from None
        rows.append(_row(document, score))
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(Tally.__dataclass_fields__)).T
    counts, sums = table[:7].astype(np.int64), table[7:]  # counts are far below 2^53, so exact as floats
    return Tally(*counts, *sums)


def _row(document: str, score: Score) -> tuple[float, ...]:
    unknown = score.spelling < 0
    cost, spelling = bits(score.logprobs), bits(score.spelling)
    return (
        len(document.encode()),
        len(document),
        len(document.split()),
        document.count("\n"),
        len(score.ends),
        int(unknown.sum()),
        int(np.array_equal(score.ends, _word_ends(document))),
        float(cost.sum()),
        float(spelling.sum()),
        float((cost - spelling)[unknown].sum()),
    )


def _word_ends(document: str) -> Ints:
    """Byte offsets at which the document's white-space words and its line ends end."""
    code_points = np.frombuffer(document.encode("utf-32-le"), dtype=np.uint32)
    sizes = 1 + (code_points > 0x7F) + (code_points > 0x7FF) + (code_points > 0xFFFF).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return offsets[[match.end() for match in _WORD_OR_LINE_END.finditer(document)]].astype(np.int64)


def summarise(counts: Tally, floor: Sequence[float] | None = None) -> Metrics:
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
