"""The jackknife: standard errors, and the interval and test that few units get."""

from __future__ import annotations

import math

import numpy as np

from lmbench.arrays import Floats


def find_standard_errors(above: Floats, below: Floats) -> Floats:
    """Return the jackknife's standard errors of ratios of sums, (ratios,).

    Each unit is left out once (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 11).

    Args:
        above: (ratios, units) numerators.
        below: (units,) denominators, above 0; at least two.
    """
    units = len(below)
    without = (above.sum(axis=1, keepdims=True) - above) / (below.sum() - below)
    deviations = without - without.mean(axis=1, keepdims=True)
    errors: Floats = np.sqrt((units - 1) / units * (deviations**2).sum(axis=1))
    return errors


def find_t_interval(value: float, error: float, degrees: float, alpha: float) -> tuple[float, float, float]:
    """Return the ends of the t interval of level 1 − alpha, and the p of the hypothesis that the value is 0.

    Args:
        value: The estimate.
        error: Its standard error.
        degrees: The degrees of freedom, which need not be an integer.
        alpha: The share of intervals that may miss the true value.
    """
    from scipy.special import stdtr, stdtrit  # not at the top: it takes half a second

    reach = -float(stdtrit(degrees, alpha / 2)) * error
    if error == 0:
        return value, value, float(value == 0)
    return value - reach, value + reach, 2 * float(stdtr(degrees, -math.fabs(value) / error))
