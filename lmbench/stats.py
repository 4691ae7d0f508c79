"""Is the difference real? Bootstrap intervals over documents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000
_SEED = 0
_LEVEL = 0.95


def ratio_interval(numerators: NDArray[np.float64], denominators: NDArray[np.int64]) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of sum(numerators) / sum(denominators), over documents.

    Args: both (documents,). None for fewer than two documents with text. Documents are resampled with replacement 2,000
    times from a fixed seed; Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    from scipy.stats import bootstrap

    some = denominators > 0  # an empty document has no ratio, and a resample of nothing else would have none either
    if np.count_nonzero(some) < 2:
        return None
    result = bootstrap(
        (numerators[some], denominators[some]),
        lambda above, below, axis: above.sum(axis=axis) / below.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=max(1, 2**22 // len(numerators)),
        confidence_level=_LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
