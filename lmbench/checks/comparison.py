"""Compare the log-probabilities of events that must be equal."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from lmbench.arrays import Floats
from lmbench.checks.verdicts import CheckFailedError, require
from lmbench.model import LanguageModel
from lmbench.score import Score

LARGEST_TOLERANCE = 0.25
"""The largest `score_tolerance` that the suite accepts, in nats: that of bfloat16."""

SUM_TOLERANCE = 1e-6
"""How far a sum of probabilities may be from 1."""

IMPOSSIBLE_GAIN = 13.8
"""Nats, the logarithm of a million. A correct model exceeds the source's probability of a random text by this with a
probability of at most 1e-6: the expected ratio of the two is at most 1, and Markov's inequality bounds how often it is
a million."""

_UNAVOIDABLE_BIAS = 1e-5  # nats by which float32 may err in one direction
_SMALL_BIAS, _STANDARD_ERRORS = 1 / 25, 6  # of a mean, as a share of the tolerance and in its standard errors
_ENOUGH_EVENTS = 20  # for an estimate of the standard error


def tolerance_of(model: LanguageModel) -> float:
    """Return the model's `score_tolerance`, in nats.

    Raises:
        CheckFailedError: It is larger than rounding explains, or not a number.
    """
    declared: object = model.score_tolerance
    if isinstance(declared, Real) and 0 <= float(declared) <= LARGEST_TOLERANCE:
        return float(declared)
    raise CheckFailedError(
        f"score_tolerance is {declared!r}; it must be a number of nats up to {LARGEST_TOLERANCE}, which explains the "
        "rounding of bfloat16"
    )


def mean_tolerance(tolerance: float, events: int) -> float:
    """Return the nats by which equal scores may differ in the mean over a number of events.

    Rounding errors have both signs, so the mean of n of them is smaller by the square root of n. A model that is too
    cheap by less than its tolerance in every event has errors of one sign.
    """
    return max(tolerance / math.sqrt(max(events, 1)), min(tolerance, _UNAVOIDABLE_BIAS))


def total_tolerance(tolerance: float, events: int) -> float:
    """Return the nats by which equal scores may differ in the sum over a number of events."""
    return events * mean_tolerance(tolerance, events)


def require_same(first: Score, second: Score, tolerance: float, what: str) -> float:
    """Fail unless two scores of the same events are the same, each within the tolerance and without bias.

    Args:
        first: A score.
        second: Another score of the same events.
        tolerance: Nats by which one event may differ.
        what: Describes the two scores, for the message.

    Returns:
        The largest difference of an event, in nats.

    Raises:
        CheckFailedError: They differ; the message names the first event that does.
    """
    require(first.ends.tolist() == second.ends.tolist(), f"{what}: the events differ")
    largest = 0.0
    for name, one, other in (
        ("scored", first.logprobs, second.logprobs),
        ("charged for its spelling", first.spelling, second.spelling),
    ):
        with np.errstate(invalid="ignore"):
            differences = one - other
            wrong = ~(np.abs(differences) <= tolerance)
        if wrong.any():
            event = int(np.argmax(wrong))
            place = f"event {event} (to byte {int(first.ends[event])})"
            raise CheckFailedError(f"{what}: {place} is {name} {one[event]:.6f} and {other[event]:.6f}")
        require_no_bias(differences, tolerance, what)
        largest = max(largest, float(np.abs(differences).max(initial=0.0)))
    return largest


def require_no_bias(differences: Floats, tolerance: float, what: str) -> None:
    """Fail if the differences of equal log-probabilities, (events,) nats, have a mean that rounding does not explain.

    The mean of twenty and more rounding errors is smaller than six of its standard errors. A model that is a little too
    cheap in every event has errors of one sign and of a small spread.
    """
    number = len(differences)
    mean, spread = (float(differences.mean()), float(differences.std())) if number else (0.0, 0.0)
    allowed = mean_tolerance(tolerance, number)
    if number >= _ENOUGH_EVENTS:
        most = max(_SMALL_BIAS * tolerance, _STANDARD_ERRORS * spread / math.sqrt(number), _UNAVOIDABLE_BIAS)
        allowed = min(most, allowed)
    require(
        abs(mean) <= allowed,
        f"{what}: {number} events differ by {mean:.6f} nats in the mean, which is not rounding",
    )


def require_sum_of_one(total: float, where: str = "") -> None:
    """Fail unless the probabilities of the next events sum to 1. The message begins with `where`."""
    require(abs(total - 1) <= SUM_TOLERANCE, f"{where}the next events sum to {total:.7f}")


def require_same_beginning(first: Score, second: Score, size: int, tolerance: float, what: str) -> float:
    """Fail unless the scores of two texts that share their first `size` bytes are the same up to there.

    Only events that end at the same places are compared. The other arguments, the result and the error are those of
    `require_same`.
    """
    return require_same(_common_events(first, second, size), _common_events(second, first, size), tolerance, what)


def _common_events(score: Score, other: Score, cut: int) -> Score:
    """Return the first events of a score, up to byte `cut`, that another score has in the same places."""
    length = min(np.count_nonzero(score.ends <= cut), np.count_nonzero(other.ends <= cut))
    shared = int(np.argmin(np.append(score.ends[:length] == other.ends[:length], False)))
    return Score(score.ends[:shared], score.logprobs[:shared], score.spelling[:shared])
