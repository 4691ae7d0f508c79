"""The score of a document, and its contract (docs/scoring.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Flags, Floats, Ints
from lmbench.errors import ScoreError

_ROUNDING = 1e-5  # nats


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

    def check(self, document: str) -> Score:
        """Return this score if it keeps the contract for `document`.

        Raises:
            ScoreError: The score breaks the contract; the message names the event.
        """
        if wrong := tiling_violation(self, document) or probability_violation(self, document):
            raise ScoreError(wrong)
        return self


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
    return ""


def clip_rounding(logprobs: Floats) -> Floats:
    """Return log-probabilities, in nats, with values slightly above 0, as float32 arithmetic leaves them, set to 0."""
    return np.where((logprobs > 0) & (logprobs < _ROUNDING), 0.0, logprobs)


def _first_event(score: Score, document: str, wrong: Flags) -> str:
    event = int(np.argmax(wrong))
    start = int(score.ends[event - 1]) if event else 0
    text = document.encode()[start : int(score.ends[event])].decode(errors="replace")
    return f"event {event} ({text!r}, byte {start}), log-probability {score.logprobs[event]:g}"
