"""The forward recursion event by event."""

from __future__ import annotations

import numpy as np

from lmbench.arrays import Floats, Ids
from lmbench.backends.hmm.parameters import Parameters


class LineFilter:
    """Predicts the next event of a line. If a line continues the one read before, only its new events are read."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._history: Ids = np.zeros(0, dtype=np.int32)
        self._states = parameters.start  # (K,) P(next state | history)

    def next_logprobs(self, history: Ids) -> Floats:
        """Return log P(symbol | history) of each symbol, (V,), in nats."""
        parameters, known = self._parameters, len(self._history)
        if not np.array_equal(history[:known], self._history):
            known, self._states = 0, parameters.start
        for symbol in history[known:]:
            joint = self._states * parameters.emissions[symbol]
            self._states = joint / joint.sum() @ parameters.transitions
        self._history = history
        return np.asarray(np.log(parameters.emissions @ self._states))
