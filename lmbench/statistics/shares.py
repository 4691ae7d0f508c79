"""Values of items, such as 1 for a right answer: exact intervals of shares, and exact tests of paired answers.

The items are units of the same size, so that everything else is as for texts (estimates.py, pairs.py). If the values
are 0 and 1, two things are known exactly. The number of right answers is binomial, so a share has the interval of
Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case of the binomial", 1934). And if
two models are equally good, each item that only one of them answers is as likely to be answered by the one as by the
other: the sign flips of flips.py are then the test of McNemar ("Note on the sampling error of the difference between
correlated proportions or percentages", 1947), whose p is a sum of binomial probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.statistics.estimates import ALPHA, FEWEST_FOR_INTERVAL, Estimate
from lmbench.statistics.flips import MOST_EXACT, draw_counted
from lmbench.statistics.jackknife import find_standard_errors
from lmbench.statistics.pairs import Comparison, adjust_holm, compare_pairs
from lmbench.statistics.seeds import estimate_models
from lmbench.statistics.units import Units

_MOST_LEVELS = 64
_DIGITS = 12  # by which values differ
_ROUNDING = 1e-6


def estimate_share(values: Floats) -> Estimate:
    """Return the mean of values from 0 to 1 with the interval of Clopper and Pearson.

    Its ends are quantiles of beta distributions, which shared credit does not change: if k choices are equally likely,
    an item counts 1/k, and the credits need not add up to an integer. Such values vary less than answers that are drawn
    among the k choices, so that the interval is wider than it has to be.

    Args:
        values: (items,) at least one.
    """
    from scipy.special import betaincinv  # not at the top: it takes half a second

    items, credit = len(values), float(values.sum())
    low = float(betaincinv(credit, items - credit + 1, ALPHA / 2)) if credit > 0 else 0.0
    high = float(betaincinv(credit + 1, items - credit, 1 - ALPHA / 2)) if credit < items else 1.0
    error = None if items < FEWEST_FOR_INTERVAL else float(find_standard_errors(values[None], np.ones(items))[0])
    return Estimate(credit / items, low, high, error=error)


def estimate_values(models: Sequence[Floats], units: Units, are_shares: bool) -> tuple[Estimate, ...]:
    """Return the mean of the values of each model, over its items and its seeds.

    Args:
        models: Of each model, the value of each item under each seed, (seeds, items).
        units: What is resampled: items, or blocks of items that depend on each other.
        are_shares: Whether the values are from 0 to 1. Credits of one seed on independent items then have an exact
            interval.
    """
    exact = [are_shares and have_exact_interval(values, units) for values in models]
    rest = [values for values, is_exact in zip(models, exact, strict=True) if not is_exact]
    estimates = iter(estimate_models(rest, units) if rest else ())
    return tuple(
        estimate_share(values[0]) if is_exact else _clip(next(estimates), 0.0) if are_shares else next(estimates)
        for values, is_exact in zip(models, exact, strict=True)
    )


def have_exact_interval(values: Floats, units: Units) -> bool:
    """Return whether values of one seed on independent items are 1, 0, or the credit of k likeliest choices, 1/k.

    Args:
        values: (seeds, items).
        units: What is resampled.
    """
    shared = 1 / values[values > 0]
    are_credits = (values >= 0).all() and (np.abs(shared - np.rint(shared)) < _ROUNDING).all()
    return bool(are_credits) and len(values) == 1 and not units.are_blocks


def compare_values(
    models: Sequence[Floats],
    units: Units,
    higher_is_better: bool = True,
    are_shares: bool = False,
) -> tuple[Comparison, ...]:
    """Return the comparison of each model with each later one. No difference is too small to count.

    The difference is the value of the first less that of the second, whichever is better.

    Args:
        models: Of each model, the value of each item under each seed, (seeds, items).
        units: What is resampled: items, or blocks of items that depend on each other.
        higher_is_better: Whether a model with a higher value wins an item.
        are_shares: Whether the values are from 0 to 1, so that the intervals of differences lie between -1 and 1.
    """
    means = [float(values.mean()) for values in models]
    pairs = [  # the higher one first, so that the interval does not depend on the order of the models
        (first, second) if means[first] >= means[second] else (second, first)
        for first, second in combinations(range(len(models)), 2)
    ]
    counted = {pair: _compare_counted(pair, models, units) for pair in pairs}
    rest = [pair for pair, comparison in counted.items() if comparison is None]
    drawn = dict(zip(rest, compare_pairs(models, units, margin=0.0, pairs=rest), strict=True))
    found = [_make_exact(counted[pair] or drawn[pair], models, units) for pair in pairs]
    adjusted = adjust_holm([pair.difference.p for pair in found])
    compared = (
        replace(
            pair,
            difference=_clip(pair.difference, -1.0) if are_shares else pair.difference,
            adjusted_p=p,
            wins=pair.losses if higher_is_better else pair.wins,
            losses=pair.wins if higher_is_better else pair.losses,
        )
        for pair, p in zip(found, adjusted, strict=True)
    )
    return tuple(pair if pair.first < pair.second else pair.reversed() for pair in compared)


def join_items(groups: Sequence[str]) -> tuple[Ints, Units]:
    """Return an order of the items in which those of a group are neighbors, and the groups as units.

    Args:
        groups: (items,) the group of each item, such as the text that its question is about.
    """
    numbers: dict[str, int] = {}
    members = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)
    order = np.argsort(members, kind="stable")
    starts = np.flatnonzero(np.diff(members[order], prepend=-1))
    sizes = np.diff(starts, append=len(members)).astype(np.float64)
    return order, Units(starts, sizes, len(members), are_blocks=len(starts) < len(members))


def find_mcnemar_p(wins: int, losses: int) -> float:
    """Return the p of the exact test of McNemar, given on how many items each of two models alone is right."""
    from scipy.special import bdtr  # not at the top: it takes half a second

    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def _compare_counted(pair: tuple[int, int], models: Sequence[Floats], units: Units) -> Comparison | None:
    """Return the comparison of two models with one seed, if their differences have few values; else None."""
    first, second = models[pair[0]], models[pair[1]]
    if len(first) > 1 or len(second) > 1 or units.are_blocks or units.documents <= MOST_EXACT:
        return None
    differences = first[0] - second[0]
    levels, counts = np.unique(np.round(differences, _DIGITS), return_counts=True)
    if len(levels) > _MOST_LEVELS:
        return None
    found = draw_counted(levels, counts, ALPHA)
    ends = (float(found.low[0]), float(found.high[0]), float(found.p[0]))
    estimate = Estimate(
        float(differences.mean()), *ends, error=float(differences.std(ddof=1)) / len(differences) ** 0.5
    )
    wins, losses = int((differences < 0).sum()), int((differences > 0).sum())
    return Comparison(*pair, estimate, estimate.p, False, wins, losses, float(len(differences)))


def _make_exact(pair: Comparison, models: Sequence[Floats], units: Units) -> Comparison:
    """Return a comparison with the exact p, if all differences that are not 0 have the same size.

    The interval then ends at 0 if random halves find it on the other side.
    """
    estimate, first, second = pair.difference, models[pair.first], models[pair.second]
    if estimate.p is None or units.are_blocks or len(first) > 1 or len(second) > 1:
        return pair
    differences = first[0] - second[0]
    if len(np.unique(np.abs(differences[differences != 0]))) > 1:
        return pair
    p = find_mcnemar_p(pair.wins, pair.losses)
    return replace(pair, difference=_agree_with(replace(estimate, p=p)))


def _agree_with(estimate: Estimate) -> Estimate:
    """Return an estimate whose interval contains 0 if p is not below 5 %, and else does not reach beyond it."""
    low, high, p = estimate.low, estimate.high, estimate.p
    if low is None or high is None or p is None:
        return estimate
    if p >= ALPHA:
        return replace(estimate, low=min(low, 0.0), high=max(high, 0.0))
    return replace(estimate, low=max(low, 0.0)) if estimate.value > 0 else replace(estimate, high=min(high, 0.0))


def _clip(estimate: Estimate, lowest: float) -> Estimate:
    """Return an estimate of a share, or of a difference between shares, whose interval lies between `lowest` and 1."""
    low, high = (None if end is None else min(max(end, lowest), 1.0) for end in (estimate.low, estimate.high))
    return replace(estimate, low=low, high=high)
