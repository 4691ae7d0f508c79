"""The score of a document, and its contract (docs/scoring.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmbench.arrays import Flags, Floats, Ints
from lmbench.errors import ScoreError, kind_of

_GROUP_CHARACTERS = 1 << 16
_ROUNDING = 1e-5  # nats
_LARGEST_OFFSET = 2.0**53  # up to which float64 holds every whole number
_INT, _FLOAT = np.dtype(np.int64), np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class Score:
    """The log-probabilities that a model assigns to the events of one document.

    Attributes:
        ends: (events,) int64, the byte offset in the document at which each event's text ends. Offsets never decrease,
            and the last one is the number of the document's UTF-8 bytes.
        logprobs: (events,) float64, nats: log P(event | everything before it), spelling cost included. Finite, and at
            most 0.
        spelling: (events,) float64, nats: the part of `logprobs` that a letter model charged for spelling an unknown
            word; 0 if the word was known.
    """

    ends: Ints
    logprobs: Floats
    spelling: Floats

    def __repr__(self) -> str:
        """Return the number of events and their bits; of arrays that no score can have, their types."""
        arrays = (self.ends, self.logprobs, self.spelling)
        if not all(type(array) is np.ndarray and array.ndim == 1 and array.dtype.kind in "fiu" for array in arrays):
            return f"Score({', '.join(map(_describe_array, arrays))})"
        size = self.ends[-1] if len(self.ends) else 0
        bits, spelling_bits = (abs(float(values.sum())) / math.log(2) for values in (self.logprobs, self.spelling))
        spelled = f", {spelling_bits:,.2f} of them for spelling" if spelling_bits else ""
        events = f"{len(self.ends):,} event{'s' * (len(self.ends) != 1)}"
        return f"Score({events}, {size:,} bytes, {bits:,.2f} bits{spelled})"

    def first_after(self, offset: int) -> int:
        """Return the number of the first event that ends after an offset; 0 for the offset 0, even without bytes."""
        return int(np.searchsorted(self.ends, offset, side="right")) if offset else 0

    def check(self, document: str) -> Score:
        """Return a copy of this score, in float64 and int64, if it keeps the contract for `document`.

        Raises:
            ScoreError: The score breaks the contract; the message names the rule and the event.
        """
        score = _plain_copy(self)
        if wrong := tiling_violation(score, document) or probability_violation(score, document):
            raise ScoreError(wrong)
        return score


@dataclass(frozen=True, slots=True)
class JoinedScores:
    """The scores of consecutive documents, joined.

    Attributes:
        events: (documents,) int64, the number of events of each document.
        ends: (events,) int64, the byte offset in its own document at which each event's text ends.
        logprobs: (events,) float64, nats.
        spelling: (events,) float64, nats.
    """

    events: Ints
    ends: Ints
    logprobs: Floats
    spelling: Floats

    @property
    def borders(self) -> Ints:
        """The number of events before each document, and in all, (documents + 1,)."""
        return np.concatenate([[0], np.cumsum(self.events)])

    def score(self, start: int, stop: int) -> Score:
        """Return the score that consists of these events of one document."""
        return Score(self.ends[start:stop], self.logprobs[start:stop], self.spelling[start:stop])


def checked_scores(returned: object, documents: Sequence[str]) -> list[Score]:
    """Return copies of the scores that a model returned for `documents`, if they keep the contract.

    Raises:
        ScoreError: They break it; the message names the document, the rule and the event.
    """
    checked = []
    for number, (document, score) in enumerate(zip(documents, listed_scores(returned, documents), strict=True)):
        with naming_document(number):
            checked.append(Score.check(score, document))
    return checked


def plain_scores(returned: object, documents: Sequence[str]) -> list[Score]:
    """Return copies of the scores that a model returned for `documents`, with arrays of the right types.

    Whether the numbers are possible is not checked.

    Raises:
        ScoreError: They are not one Score for each document, or hold anything but one-dimensional arrays of numbers.
    """
    plain = []
    for number, score in enumerate(listed_scores(returned, documents)):
        with naming_document(number):
            plain.append(_plain_copy(score))
    return plain


def join_groups(returned: object, documents: Sequence[str], numbers: Sequence[int]) -> Iterator[JoinedScores]:
    """Join the scores that a model returned for `documents`, a few documents at a time.

    The groups are large enough to share NumPy's overhead, and small enough to need little memory. The arrays are
    copies of the right types; whether the numbers are possible is not checked.

    Args:
        returned: Anything.
        documents: The documents.
        numbers: The number of each document, for errors.

    Raises:
        ScoreError: They are not one Score for each document, or hold anything but one-dimensional arrays of numbers.
    """
    scores = listed_scores(returned, documents, numbers)
    for rows in _groups(documents):
        yield _join(scores[rows], numbers[rows])


def listed_scores(returned: object, documents: Sequence[str], numbers: Sequence[int] | None = None) -> list[Score]:
    """Return what `LanguageModel.score` returned as a list, if it is one Score for each document.

    The arrays of the scores are not checked.

    Args:
        returned: Anything.
        documents: The documents.
        numbers: The number of each document, for errors; by default they count from 0.

    Raises:
        ScoreError: It is anything else.
    """
    if not isinstance(returned, list | tuple):
        raise ScoreError(f"score returned {kind_of(returned)}; it must return a list of Score, one for each document")
    scores = list(returned)
    if len(scores) != len(documents):
        raise ScoreError(f"{len(scores)} scores for {len(documents)} documents")
    if set(map(type, scores)) - {Score}:
        for number, score in zip(numbers or range(len(scores)), scores, strict=True):
            if type(score) is not Score:  # a subclass can compute its attributes anew each time
                raise ScoreError(f"document {number}: score returned {kind_of(score)} instead of a Score{_hint(score)}")
    return scores


def _describe_array(array: object) -> str:
    return f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else kind_of(array)


def _hint(score: object) -> str:
    return ", of which it is a subclass" if issubclass(type(score), Score) else ""


def _groups(documents: Sequence[str]) -> Iterator[slice]:
    start = size = 0
    for end, document in enumerate(documents, start=1):
        size += len(document)
        if size >= _GROUP_CHARACTERS or end == len(documents):
            yield slice(start, end)
            start, size = end, 0


def _join(scores: Sequence[Score], numbers: Sequence[int]) -> JoinedScores:
    columns = []
    try:
        for score in scores:
            columns.append(plain_arrays(score))  # noqa: PERF401  (their number tells which document is wrong)
    except ScoreError as error:
        raise ScoreError(f"document {numbers[len(columns)]}: {error}") from None
    ends, logprobs, spelling = zip(*columns, strict=True)
    sizes = list(map(len, ends))
    if not sizes == list(map(len, logprobs)) == list(map(len, spelling)):
        for number, arrays in zip(numbers, columns, strict=True):
            if wrong := shape_violation(Score(*arrays)):
                raise ScoreError(f"document {number}: {wrong}")
    return JoinedScores(np.array(sizes), np.concatenate(ends), np.concatenate(logprobs), np.concatenate(spelling))


def _plain_copy(score: Score) -> Score:
    ends, logprobs, spelling = plain_arrays(score)
    return Score(ends.copy(), logprobs.copy(), spelling.copy())


def plain_arrays(score: Score) -> tuple[Ints, Floats, Floats]:
    """Return the arrays of a score as one-dimensional int64, float64 and float64, copied only if their types differ.

    Raises:
        ScoreError: An array is of another kind; the message names it.
    """
    ends, logprobs, spelling = score.ends, score.logprobs, score.spelling
    if (  # not a loop, which would be noticed with many short documents
        type(ends) is np.ndarray
        and type(logprobs) is np.ndarray
        and type(spelling) is np.ndarray
        and ends.dtype is _INT
        and logprobs.dtype is spelling.dtype is _FLOAT
        and ends.ndim == logprobs.ndim == spelling.ndim == 1
    ):
        return ends, logprobs, spelling
    return _plain_ends(ends), _plain_nats(logprobs, "logprobs"), _plain_nats(spelling, "spelling")


def _plain_ends(ends: object) -> Ints:
    array = _real_array(ends, "ends")
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            fractional = ~((array == np.floor(array)) & (np.abs(array) < _LARGEST_OFFSET))
        if fractional.any():
            event = int(np.argmax(fractional))
            raise ScoreError(f"event {event} ends at byte {float(array[event])}, which is not a whole number")
    return array.astype(np.int64)


def _plain_nats(values: object, name: str) -> Floats:
    with np.errstate(over="ignore"):
        return _real_array(values, name).astype(np.float64)


def _real_array(values: object, name: str) -> np.ndarray[tuple[int], np.dtype[Any]]:
    """Return a one-dimensional array of real numbers, of any precision."""
    if type(values) is not np.ndarray:  # subclasses, such as masked arrays, may compute anything
        raise ScoreError(f"{name} is {kind_of(values)}; it must be a NumPy array")
    if values.ndim != 1:
        raise ScoreError(f"{name} has the shape {values.shape}; it must have one entry for each event")
    if values.dtype.kind not in "fiu":
        raise ScoreError(f"{name} has the dtype {values.dtype}; it must hold real numbers")
    return values


@contextmanager
def naming_document(number: int) -> Iterator[None]:
    """Say in a ScoreError which document it is about."""
    try:
        yield
    except ScoreError as error:
        raise ScoreError(f"document {number}: {error}") from None


def shape_violation(score: Score) -> str:
    """Return how the shapes of the arrays differ, or "" if they are all (events,)."""
    ends, logprobs, spelling = score.ends.shape, score.logprobs.shape, score.spelling.shape
    if ends == logprobs == spelling == (score.ends.size,):
        return ""
    return f"ends {ends}, logprobs {logprobs} and spelling {spelling} differ"


def tiling_violation(score: Score, document: str) -> str:
    """Return how the events fail to tile the bytes of the document, or "" if they do tile them."""
    if wrong := shape_violation(score):
        return wrong
    ends, size = score.ends, len(document.encode())
    last = int(ends[-1]) if len(ends) else 0
    if last != size:
        return f"the events end at byte {last} of a document of {size} bytes"
    decreases = np.diff(ends, prepend=0) < 0
    return f"event {int(np.argmax(decreases))} ends before the previous event" if decreases.any() else ""


def probability_violation(score: Score, document: str) -> str:
    """Return which event's log-probability or spelling cost is impossible, and why; "" if all are possible."""
    logprobs, spelling = score.logprobs, score.spelling
    for wrong, reason in (
        (~np.isfinite(logprobs), "is not finite: this model gives the event no probability"),
        (logprobs > 0, "is above 0: that is not a probability"),
        (~((spelling <= 0) & (spelling >= logprobs)), "has a spelling cost outside [logprob, 0]"),
    ):
        if wrong.any():
            return f"{_first_event(score, document, wrong)}, {reason}"
    with np.errstate(over="ignore"):
        total = logprobs.sum()
    return "" if np.isfinite(total) else f"the log-probabilities add up to {total:g}, which is not finite"


def clip_rounding(logprobs: Floats) -> Floats:
    """Return log-probabilities, in nats, with values slightly above 0, as float32 arithmetic leaves them, set to 0."""
    return np.where((logprobs > 0) & (logprobs < _ROUNDING), 0.0, logprobs)


def _first_event(score: Score, document: str, wrong: Flags) -> str:
    event = int(np.argmax(wrong))
    start = int(score.ends[event - 1]) if event else 0
    text = document.encode()[start : int(score.ends[event])].decode(errors="replace")
    return f"event {event} ({text!r}, byte {start}), log-probability {score.logprobs[event]:g}"
