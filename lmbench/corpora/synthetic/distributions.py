"""Rows of categorical distributions: draws, entropies and logarithms."""

from __future__ import annotations

import numpy as np

from lmbench.arrays import Floats, Ints


def cumulative(probabilities: Floats) -> Floats:
    """Return the cumulative distribution of each row; its last value is exactly 1."""
    sums: Floats = probabilities.cumsum(axis=-1)
    sums /= sums[..., -1:].copy()
    return sums


def draw_categorical(distributions: Floats, rows: Ints, rng: np.random.Generator) -> Ints:
    """Draw one value from each of these rows. A value whose probability is 0 is never drawn.

    The drawn value is the number of cumulative probabilities that are at most the row's random number, found by
    bisection in all rows at once.

    Args:
        distributions: (distributions, values) cumulative probabilities.
        rows: (draws,) the row of each draw's distribution.
        rng: The random numbers; one is used for each draw.

    Returns:
        (draws,) values.
    """
    random, low, high = rng.random(len(rows)), np.zeros(len(rows), dtype=np.int64), np.full(len(rows), 0)
    high += distributions.shape[1] - 1  # the last probability, 1, is above every random number
    while (low < high).any():
        middle = (low + high) // 2
        below = distributions[rows, middle] <= random
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low


def entropies(probabilities: Floats) -> Floats:
    """Return the entropy of each row's distribution, in bits."""
    logs = np.log2(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    bits: Floats = -(probabilities * logs).sum(axis=-1)
    return bits


def natural_logs(probabilities: Floats) -> Floats:
    """Return natural logarithms, -inf for 0."""
    return np.log(probabilities, out=np.full(probabilities.shape, -np.inf), where=probabilities > 0)
