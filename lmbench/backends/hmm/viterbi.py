"""Viterbi's algorithm (1967): the most likely states of a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmbench.arrays import AnyInts, Floats, Ints
from lmbench.backends.hmm.parameters import Parameters


def best_paths(parameters: Parameters, lines: Sequence[AnyInts]) -> list[Ints]:
    """Return the most likely states of each line's events; of equally likely states, the one with the lower number."""
    with np.errstate(divide="ignore"):
        start, transitions = np.log(parameters.start), np.log(parameters.transitions)
        return [_best_path(start, transitions, np.log(parameters.emissions[line])) for line in lines]


def _best_path(start: Floats, transitions: Floats, emitted: Floats) -> Ints:
    """Return the best path, given log P(event | state) of each event of a line, (events, K)."""
    best, previous = start, np.zeros(emitted.shape, dtype=np.int64)
    for t, logprobs in enumerate(emitted):
        if t:
            arrivals = best[:, None] + transitions  # (state before, state)
            previous[t] = arrivals.argmax(axis=0)
            best = arrivals[previous[t], np.arange(len(best))]
        best = best + logprobs
    return _trace_back(int(best.argmax()), previous)


def _trace_back(last: int, previous: Ints) -> Ints:
    """Return the path that ends in the state `last`; previous[t] has the best state before each state at time t."""
    path = np.empty(len(previous), dtype=np.int64)
    state = last
    for t in range(len(previous) - 1, -1, -1):
        path[t] = state
        state = previous[t, state]
    return path
