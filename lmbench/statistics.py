"""Is the difference real? Bootstrap intervals over documents."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000
_SEED = 0
_LEVEL = 0.95
_MOST_GROUPS = 20_000


def ratio_interval(
    numerators: NDArray[np.float64], denominators: NDArray[np.integer[Any]]
) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of sum(numerators) / sum(denominators), over documents.

    Args: both (documents,). None for fewer than two documents with text. Documents are resampled with replacement 2,000
    times from a fixed seed; Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13. More
    than 20,000 documents are resampled in 20,000 groups of consecutive ones, which bounds memory and time.
    """
    some = denominators > 0  # an empty document has no ratio, and a resample of nothing else would have none either
    if np.count_nonzero(some) < 2:
        return None
    above, below = (_grouped(values if some.all() else values[some]) for values in (numerators, denominators))
    rng, size = np.random.default_rng(_SEED), len(above)
    batch = max(1, 2**22 // size)
    ratios = []
    for start in range(0, _RESAMPLES, batch):
        drawn = rng.integers(0, size, (min(batch, _RESAMPLES - start), size))
        ratios.append(above[drawn].sum(axis=1) / below[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(ratios), [50 * (1 - _LEVEL), 50 * (1 + _LEVEL)])
    return float(low), float(high)


def _grouped(values: NDArray[Any]) -> NDArray[Any]:
    """Sums over at most 20,000 groups of consecutive values, as equal in number as can be."""
    if len(values) <= _MOST_GROUPS:
        return values
    starts = np.arange(_MOST_GROUPS) * len(values) // _MOST_GROUPS
    return np.add.reduceat(values, starts, dtype=np.result_type(values, np.int64))  # narrow counts must not wrap
