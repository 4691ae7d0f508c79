"""Interval and test as one object: typical values, which random halves of the units give.

A half A of the units gives the ratio θ_A = sum of numerators / sum of denominators, and the other half gives θ_Ā. If
the true ratio is θ₀, the residuals (numerator − θ₀ · denominator) are as likely to have either sign. θ₀ lies between
θ_A and θ_Ā exactly if flipping the signs of the residuals of A leaves their sum as large as it is, or makes it larger.
So p(θ₀) is the share of halves with θ₀ between them, and the interval holds the θ₀ with p(θ₀) > α: p < α if and only if
the interval excludes θ₀ (Hartigan, "Using subsample values as typical values", 1969; Efron and Tibshirani, "An
introduction to the bootstrap", 1993, chapter 15, for the test).

All 2^(n−1) different halves are used if there are at most 15 units. Else 10,000 random ones are drawn, and the observed
units count as one more (Phipson and Smyth 2010), so that p is never 0. If θ₀ lies between none of the 10,000, p is at
most Hoeffding's bound on the tail of a sum of random signs (1963): all pairs of many models need p below 1/10,000.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lmbench.arrays import Flags, Floats, Ints

DRAWS = 10_000
MOST_EXACT = 15
"""The most units for which all halves are used: about as many as are drawn if there are more."""

_SEED = 0
_BATCH = 1 << 22
_RATIOS = 256
_ROUNDING = 1e-12
_STEP = 16  # of these values in a row, one is looked at to find a bound


@dataclass(frozen=True, slots=True)
class TypicalValues:
    """The intervals and tests of several ratios.

    Attributes:
        low: (ratios,) lower ends of the intervals.
        high: (ratios,) upper ends.
        p: (ratios,) the p of the hypothesis that the ratio is 0.
    """

    low: Floats
    high: Floats
    p: Floats


def draw_typical_values(above: Floats, below: Floats, alpha: float) -> TypicalValues:
    """Return the intervals of level 1 − alpha of ratios of sums, and their tests.

    Random halves choose units by their places: `arrange` gives the units an order that is not that of the documents.

    Args:
        above: (ratios, units) numerators.
        below: (units,) denominators, above 0.
        alpha: The share of intervals that may miss the true ratio.
    """
    draws = 1 << (len(below) - 1) if len(below) <= MOST_EXACT else DRAWS
    width = max(1, min(_RATIOS, _BATCH // draws))
    parts = [_draw(above[start : start + width], below, alpha) for start in range(0, len(above), width)]
    return TypicalValues(*np.hstack(parts))


def draw_counted(levels: Floats, counts: Ints, alpha: float) -> TypicalValues:
    """Return the interval and the test of a mean of values of which only a few differ, such as 1, 0 and −1.

    Units with the same value are alike, so a random half is known by how many units of each value it has: a binomial
    number. This takes as long for a million units as for a hundred.

    Args:
        levels: (levels,) the different values.
        counts: (levels,) how many units have each of them; more than 15 in all.
        alpha: The share of intervals that may miss the true mean.
    """
    chosen = np.random.default_rng(_SEED).binomial(counts[:, None], 0.5, (len(levels), DRAWS))
    half = np.vstack([levels @ chosen, chosen.sum(axis=0)])
    total = np.array([[levels @ counts], [counts.sum()]])
    rounding = _ROUNDING * np.abs(levels) @ counts
    between = np.count_nonzero(np.abs(2 * half[:1] - total[:1]) >= np.abs(total[:1]) - rounding, axis=1)
    p = (between + 1) / (DRAWS + 1)
    p = np.where(between == 0, np.minimum(p, _bound_tail(total[0], (levels**2 @ counts)[None])), p)
    return TypicalValues(*_find_ends(half, total, p >= alpha, int(alpha * (DRAWS + 1)) - 1), p)


def arrange(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Return numerators and denominators so that results do not depend on the order of units or on other ratios.

    The units of each ratio are sorted, those of a ratio and of its negative in the same way. The last bits of the
    numerators are rounded, so that float64 holds every sum of them exactly, in whatever order they are added.

    Args:
        above: (ratios, units) numerators.
        below: (units,) denominators: integers.
    """
    order = [np.lexsort((math.copysign(1, math.fsum(row)) * row, np.abs(row), below)) for row in above]
    ordered = np.stack([row[places] for row, places in zip(above, order, strict=True)])
    _, exponents = np.frexp(np.abs(ordered).sum(axis=1, keepdims=True))
    return np.ldexp(np.rint(np.ldexp(ordered, 51 - exponents)), exponents - 51), np.sort(below)


def _draw(above: Floats, below: Floats, alpha: float) -> tuple[Floats, Floats, Floats]:
    """Return the lower ends, the upper ends and p."""
    half, total = _sum_halves(np.vstack([above, below])), np.append(above.sum(axis=1), below.sum())[:, None]
    p, draws = _test(above, half[:-1]), half.shape[1]
    rank = int(alpha * draws) if len(below) <= MOST_EXACT else int(alpha * (draws + 1)) - 1
    low, high = _find_ends(half, total, p >= alpha, rank)
    return low, high, p


def _find_ends(half: Floats, total: Floats, held: Flags, rank: int) -> tuple[Floats, Floats]:
    """Return the ends of the intervals: the typical values of a rank from either side.

    Args:
        half: (ratios + 1, draws) sums over one half, the last row those of the denominators.
        total: (ratios + 1, 1) sums over all units.
        held: (ratios,) whether the interval contains 0, as the test says.
        rank: How many typical values are left out at either side.
    """
    low, high = _find_typical_values(half, total)
    low_end, high_end = select(low, rank), -select(-high, rank)
    return np.where(held, np.minimum(low_end, 0), low_end), np.where(held, np.maximum(high_end, 0), high_end)


def select(values: Floats, rank: int) -> Floats:
    """Return the value of a rank in each row, (rows,); rank 0 is the smallest value.

    A sample of the row nearly always gives a bound that few values are below, and that the value sought is among. So
    this takes a third of the time of `numpy.partition` if the rank is low.

    Args:
        values: (rows, columns).
        rank: Below the number of columns.
    """
    sample = values[:, ::_STEP]
    place = rank // _STEP + 4 * math.isqrt(rank // _STEP) + 1
    if place >= sample.shape[1]:
        return np.partition(values, rank, axis=1)[:, rank]
    bounds = np.partition(sample, place, axis=1)[:, place]
    kept = [row[row <= bound] for row, bound in zip(values, bounds, strict=True)]
    parts = [part if len(part) > rank else row for part, row in zip(kept, values, strict=True)]
    return np.array([np.partition(part, rank)[rank] for part in parts])


def _test(above: Floats, half: Floats) -> Floats:
    """Return the share of halves whose flipped signs leave the sum as large as it is or make it larger, (ratios,).

    Sums that differ by rounding errors alone count as equal.
    """
    total, rounding = (values.sum(axis=1, keepdims=True) for values in (above, _ROUNDING * np.abs(above)))
    flipped = 2 * half
    flipped -= total
    between = np.count_nonzero(np.abs(flipped, out=flipped) >= np.abs(total) - rounding, axis=1)
    if above.shape[1] <= MOST_EXACT:
        p: Floats = between / half.shape[1]
    else:
        p = (between + 1) / (half.shape[1] + 1)
        p = np.where(between == 0, np.minimum(p, _bound_tail(above.sum(axis=1), (above**2).sum(axis=1))), p)
    return p


def _find_typical_values(half: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return the smaller and the larger ratio of each half and the other half, both (ratios, draws).

    If one half is empty, every value counts as lying between the two.

    Args:
        half: (ratios + 1, draws) sums over one half, the last row those of the denominators.
        total: (ratios + 1, 1) sums over all units.
    """
    other = total - half
    empty = (half[-1] == 0) | (other[-1] == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = half[:-1] / half[-1], np.divide(other[:-1], other[-1], out=other[:-1])
    low, high = np.minimum(one, other), np.maximum(one, other, out=one)
    low[:, empty], high[:, empty] = -np.inf, np.inf
    return low, high


def _bound_tail(sums: Floats, squares: Floats) -> Floats:
    """Return upper bounds on the probability that random signs give sums as large as these, by the sums of squares."""
    bound: Floats = 2 * np.exp(-(sums**2) / (2 * np.maximum(squares, np.finfo(np.float64).tiny)))
    return bound


def _sum_halves(columns: Floats) -> Floats:
    """Return the sums over halves, (columns, draws): all halves with the first unit, or random ones.

    Args:
        columns: (columns, units).
    """
    units = columns.shape[1]
    if MOST_EXACT < units <= _BATCH // DRAWS:
        return columns @ _draw_few_halves(units).T
    if units > MOST_EXACT:
        return np.hstack([columns @ half.T for half in _draw_halves(units)])
    sums = np.empty((len(columns), 1 << (units - 1)))
    sums[:, 0] = columns[:, 0]
    for unit in range(1, units):
        known = 1 << (unit - 1)
        np.add(sums[:, :known], columns[:, [unit]], out=sums[:, known : 2 * known])
    return sums


@lru_cache(maxsize=1)
def _draw_few_halves(units: int) -> Floats:
    """Return all random halves of so few units that these are one batch; the next ratios often have as many units."""
    [halves] = _draw_halves(units)
    return halves


def _draw_halves(units: int) -> Iterator[Floats]:
    """Yield batches of random halves: (draws, units), 1 for the units of the half and 0 for the others."""
    rng, batch = np.random.default_rng(_SEED), max(1, _BATCH // units)
    for start in range(0, DRAWS, batch):
        packed = rng.integers(0, 256, (min(batch, DRAWS - start), -(-units // 8)), dtype=np.uint8)
        yield np.unpackbits(packed, axis=1, count=units).astype(np.float64)
