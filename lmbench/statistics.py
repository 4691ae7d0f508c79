"""Bootstrap intervals over documents."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmbench.arrays import AnyInts, Floats

_RESAMPLES = 2000
_SEED = 0
_LEVEL = 0.95
_MAX_GROUPS = 20_000
_BATCH_DRAWS = 2**22


def ratio_interval(numerators: Floats, denominators: AnyInts) -> tuple[float, float] | None:
    """Return the 95 % percentile bootstrap interval of sum(numerators) / sum(denominators).

    Documents are resampled with replacement 2,000 times from a fixed seed (Efron and Tibshirani, "An introduction to
    the bootstrap", 1993, chapter 13). More than 20,000 documents are resampled in 20,000 groups of consecutive
    documents, which bounds memory and time.

    Args:
        numerators: (documents,).
        denominators: (documents,). Documents with a denominator of 0 are left out.

    Returns:
        The ends of the interval; None if fewer than two documents are left.
    """
    some = denominators > 0  # a resample of empty documents would divide by 0
    if np.count_nonzero(some) < 2:
        return None
    above, below = (_group(values if some.all() else values[some]) for values in (numerators, denominators))
    rng, size = np.random.default_rng(_SEED), len(above)
    batch = max(1, _BATCH_DRAWS // size)
    ratios = []
    for start in range(0, _RESAMPLES, batch):
        drawn = rng.integers(0, size, (min(batch, _RESAMPLES - start), size))
        ratios.append(above[drawn].sum(axis=1) / below[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(ratios), [50 * (1 - _LEVEL), 50 * (1 + _LEVEL)])
    return float(low), float(high)


def _group(values: NDArray[Any]) -> NDArray[Any]:
    """Sum consecutive values in at most 20,000 groups of nearly equal size."""
    if len(values) <= _MAX_GROUPS:
        return values
    starts = np.arange(_MAX_GROUPS) * len(values) // _MAX_GROUPS
    return np.add.reduceat(values, starts, dtype=np.result_type(values, np.int64))  # narrow counts must not overflow
