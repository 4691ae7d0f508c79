"""Several seeds: models that were trained more than once."""

from __future__ import annotations

from lmbench.arrays import Floats
from lmbench.statistics.estimates import Estimate, estimate_sums
from lmbench.statistics.units import Units


def estimate_model(bits: Floats, units: Units) -> Estimate:
    """Return the estimate of a model's bits per byte, the mean over its seeds.

    Args:
        bits: (seeds, documents).
        units: What is resampled.
    """
    return estimate_sums(units.sum(bits).mean(axis=0, keepdims=True), units.sizes)[0]
