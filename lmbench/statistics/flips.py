"""Interval and test as one object: typical values, which random halves of the units give.

A half A of the units gives the ratio θ_A = sum of numerators / sum of denominators, and the other half gives θ_Ā. If
the true ratio is θ₀, the residuals (numerator − θ₀ · denominator) are as likely to have either sign. θ₀ lies between
θ_A and θ_Ā exactly if flipping the signs of the residuals of A leaves their sum as large as it is, or makes it larger.
So p(θ₀) is the share of halves with θ₀ between them, and the interval holds the θ₀ with p(θ₀) > α: p < α if and only if
the interval excludes θ₀ (Hartigan, "Using subsample values as typical values", 1969; Efron and Tibshirani, "An
introduction to the bootstrap", 1993, chapter 15, for the test).

All 2^(n−1) different halves are used if there are at most 20 units. Else 10,000 random ones are drawn, and the observed
units count as one more (Phipson and Smyth 2010), so that p is never 0. If θ₀ lies between none of the 10,000, p is at
most Hoeffding's bound on the tail of a sum of random signs (1963): all pairs of many models need p below 1/10,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats

DRAWS = 10_000
MOST_EXACT = 20
"""Units of which all halves are used."""

_SEED = 0
_BATCH = 1 << 22
_EXACT_RATIOS = 16
_RATIOS = 256
_ROUNDING = 1e-12


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

    The result does not depend on the order of the units, nor on what other ratios are asked for. Numerators of the
    opposite signs have the opposite result.

    Args:
        above: (ratios, units) numerators.
        below: (units,) denominators, above 0.
        alpha: The share of intervals that may miss the true ratio.
    """
    exact = len(below) <= MOST_EXACT
    width = _EXACT_RATIOS if exact else _RATIOS
    signs = np.where(above.sum(axis=1) < 0, -1.0, 1.0)
    rows = above * signs[:, None]
    parts = [_draw(rows[start : start + width], below, alpha) for start in range(0, len(rows), width)]
    low, high, p = (np.concatenate([getattr(part, name) for part in parts]) for name in ("low", "high", "p"))
    return TypicalValues(np.where(signs > 0, low, -high), np.where(signs > 0, high, -low), p)


def _draw(above: Floats, below: Floats, alpha: float) -> TypicalValues:
    order = np.stack([np.lexsort((row, below)) for row in above])
    columns = np.vstack([np.take_along_axis(above, order, axis=1), np.sort(below)])
    sums = np.concatenate([columns @ half.T for half in _halves(len(below))], axis=1)
    low, high = _find_ends(sums, columns.sum(axis=1))
    rounding = _ROUNDING * np.abs(above).sum(axis=1, keepdims=True) / below.sum()
    between, draws = ((low <= rounding) & (high >= -rounding)).sum(axis=1), sums.shape[1]
    if len(below) <= MOST_EXACT:
        rank, p = int(alpha * draws), between / draws
    else:
        rank, p = int(alpha * (draws + 1)) - 1, (between + 1) / (draws + 1)
        p = np.where(between == 0, np.minimum(p, _bound_tail(above)), p)
    for ends, place in ((low, rank), (high, draws - 1 - rank)):
        ends.partition(place, axis=1)
    return TypicalValues(low[:, rank].copy(), high[:, draws - 1 - rank].copy(), p)


def _bound_tail(above: Floats) -> Floats:
    """Return an upper bound on the probability that random signs give a sum as large as that of the numerators."""
    squares = np.maximum((above**2).sum(axis=1), np.finfo(np.float64).tiny)
    bound: Floats = 2 * np.exp(-(above.sum(axis=1) ** 2) / (2 * squares))
    return bound


def _find_ends(sums: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return the smaller and the larger ratio of each half and the other half, both (ratios, draws).

    If one half is empty, every value counts as lying between the two.

    Args:
        sums: (ratios + 1, draws) sums over one half, the last row those of the denominators.
        total: (ratios + 1,) sums over all units.
    """
    above, below = sums[:-1], sums[-1]
    empty = (below <= 0) | (below >= total[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = above / below, (total[:-1, None] - above) / (total[-1] - below)
    low, high = np.minimum(one, other), np.maximum(one, other)
    low[:, empty], high[:, empty] = -np.inf, np.inf
    return low, high


def _halves(units: int) -> Iterator[Floats]:
    """Yield batches of halves: (draws, units), 1 for the units of the half and 0 for the others."""
    if units <= MOST_EXACT:
        codes = np.arange(1 << (units - 1))[:, None]
        others = codes >> np.arange(units - 1) & 1
        yield np.hstack([np.ones_like(codes), others]).astype(np.float64)
        return
    rng, batch = np.random.default_rng(_SEED), max(1, _BATCH // units)
    for start in range(0, DRAWS, batch):
        packed = rng.integers(0, 256, (min(batch, DRAWS - start), -(-units // 8)), dtype=np.uint8)
        yield np.unpackbits(packed, axis=1, count=units).astype(np.float64)
