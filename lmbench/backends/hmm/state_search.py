"""The search for the number of states, states=auto."""

from __future__ import annotations

import time
from collections.abc import Callable

from lmbench.backends.hmm.baum_welch import Limits, TrainedParameters

_FEWEST_STATES, _MOST_STATES = 16, 1024


def search_states(train: Callable[[int], TrainedParameters], events: int, limits: Limits) -> TrainedParameters:
    """Double the number of states while that improves the validation split by more than the tolerance.

    Args:
        train: Trains a model with a number of states; the validation split must not be empty.
        events: The number of training events; there are never more states.
        limits: A number of states is not tried if training with it would probably miss the deadline.
    """
    states = min(_FEWEST_STATES, events)
    best, seconds = _train_timed(train, states)
    while 2 * states <= min(_MOST_STATES, events) and time.monotonic() + 3 * seconds < limits.deadline:
        states *= 2
        larger, seconds = _train_timed(train, states)
        if best.valid - larger.valid <= limits.tolerance:
            break
        best = larger
    return best


def _train_timed(train: Callable[[int], TrainedParameters], states: int) -> tuple[TrainedParameters, float]:
    began = time.monotonic()
    return train(states), time.monotonic() - began
