"""Estimates: ratios of sums over units, such as bits per byte, with their interval and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmbench.arrays import Floats
from lmbench.statistics.flips import arrange, draw_typical_values
from lmbench.statistics.jackknife import find_standard_errors, find_t_interval
from lmbench.statistics.units import FEWEST_EFFECTIVE, count_effective

ALPHA = 0.05
FEWEST_FOR_INTERVAL = 1.5
"""Effective units below which there is no interval: it would say nothing."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio of sums with its 95 % interval.

    Attributes:
        value: The ratio.
        low: The lower end of the interval; None if there are fewer than 1.5 effective units.
        high: The upper end; None as well.
        p: The p of the hypothesis that the ratio is 0: below 0.05 if and only if the interval excludes 0; None as well.
        error: The jackknife's standard error; None as well.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    error: float | None = None


def estimate_sums(above: Floats, below: Floats) -> tuple[Estimate, ...]:
    """Return the estimates of ratios of sums over units.

    The interval and the test are those of typical values (flips.py), or below ten effective units the jackknife's t
    with as many degrees of freedom as there are effective units, less one. No digit depends on the order of the units,
    or on what other ratios are asked for.

    Args:
        above: (ratios, units) numerators, such as bits.
        below: (units,) denominators, such as bytes: integers. Units without any are left out.
    """
    above, below = arrange(above[:, below > 0], below[below > 0])
    ratios = (above.sum(axis=1) / below.sum()).tolist()
    effective = count_effective(below)
    if effective < FEWEST_FOR_INTERVAL:
        return tuple(map(Estimate, ratios))
    errors = find_standard_errors(above, below).tolist()
    if effective < FEWEST_EFFECTIVE:
        return tuple(_estimate_by_jackknife(ratios, errors, effective))
    found = draw_typical_values(above, below, ALPHA)
    columns = (found.low.tolist(), found.high.tolist(), found.p.tolist())
    return tuple(map(Estimate, ratios, *columns, errors))


def _estimate_by_jackknife(ratios: Sequence[float], errors: Sequence[float], effective: float) -> list[Estimate]:
    return [
        Estimate(ratio, *find_t_interval(ratio, error, effective - 1, ALPHA), error)
        for ratio, error in zip(ratios, errors, strict=True)
    ]
