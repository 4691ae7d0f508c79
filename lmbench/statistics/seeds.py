"""Several seeds: intervals and tests that include the variance of training as well as that of the text.

Seeds and units are crossed: the model of each seed has bits for each unit. If both were resampled, independently of
each other (Owen, "The pigeonhole bootstrap", 2007), the variance of the mean would have a part of the units, a part of
each model's seeds, and a part of their interaction. These parts are known without any draws, and draws of three seeds
have few different values. So here they are the jackknife's, which corrects each part for few seeds or units (by K /
(K − 1) for K seeds). The interaction is subtracted, because both other parts contain it.

The interval is that of t. Its degrees of freedom are the harmonic mean of those of the units and those of the seeds,
weighted by their variances. K seeds have K − 1, and the seeds of two models together as many as Satterthwaite's formula
says, which weights by squared variances. For units and seeds it would make the intervals of three seeds too short: if
the three happen to agree, it uses the many degrees of the units. `benchmarks/seeds.py` measures both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lmbench.arrays import Floats
from lmbench.statistics.estimates import ALPHA, FEWEST_FOR_INTERVAL, Estimate, estimate_sums
from lmbench.statistics.jackknife import find_standard_errors, find_t_interval
from lmbench.statistics.units import Units, count_effective


def estimate_models(models: Sequence[Floats], units: Units) -> tuple[Estimate, ...]:
    """Return the estimate of each model's bits per byte, the mean over its seeds.

    Args:
        models: Of each model, the bits of each document under each seed, (seeds, documents).
        units: What is resampled.
    """
    nothing = np.zeros((1, len(units.sizes)))
    return estimate_differences([(units.sum(bits), nothing) for bits in models], units.sizes)


def estimate_differences(sides: Sequence[tuple[Floats, Floats]], below: Floats) -> tuple[Estimate, ...]:
    """Return the estimate of each pair, as `estimate_crossed` does.

    Pairs with one seed each share their random halves, which take most of the time.

    Args:
        sides: Pairs of numerators, (seeds, units) and (other seeds, units).
        below: (units,) denominators.
    """
    single = [number for number, pair in enumerate(sides) if all(len(side) == 1 for side in pair)]
    found: dict[int, Estimate] = {}
    if single:
        rows = np.vstack([sides[number][0] - sides[number][1] for number in single])
        found = dict(zip(single, estimate_sums(rows, below), strict=True))
    return tuple(found.get(number) or estimate_crossed(*pair, below) for number, pair in enumerate(sides))


def estimate_crossed(first: Floats, second: Floats, below: Floats) -> Estimate:
    """Return the estimate of the difference between two ratios of sums over units, each the mean over its seeds.

    The seeds of the two have nothing in common. If one has a single seed, its training variance is unknown and left
    out; if both have, the estimate is that of `estimate_sums`.

    Args:
        first: (seeds, units) numerators.
        second: (other seeds, units) numerators to subtract.
        below: (units,) denominators. Units without any are left out.
    """
    if len(first) == len(second) == 1:
        return estimate_sums(first - second, below)[0]
    first, second, below = first[:, below > 0], second[:, below > 0], below[below > 0]
    difference = first.mean(axis=0) - second.mean(axis=0)
    value = float(difference.sum() / below.sum())
    if count_effective(below) < FEWEST_FOR_INTERVAL:
        return Estimate(value)
    several = [side for side in (first, second) if len(side) > 1]
    of_units = _find_variance(difference, below)
    by_side = np.array([_find_seed_variance(side, below) for side in several])
    of_seeds = float(by_side.sum())
    interaction = sum(_find_interaction(side, below) for side in several)
    error = math.sqrt(max(of_units + of_seeds - interaction, of_units, of_seeds))
    degrees = count_effective(below) - 1
    if of_seeds > 0:
        inverse = (by_side**2 / [len(side) - 1 for side in several]).sum() / of_seeds**2
        degrees = (of_units + of_seeds) / (of_units / degrees + of_seeds * inverse)
    return Estimate(value, *find_t_interval(value, error, float(degrees), ALPHA), error)


def _find_variance(above: Floats, below: Floats) -> float:
    """Return the variance of a ratio of sums over units."""
    return float(find_standard_errors(above[None], below)[0] ** 2)


def _find_seed_variance(side: Floats, below: Floats) -> float:
    """Return the variance of a mean over seeds, the units being fixed."""
    return float(np.var(side.sum(axis=1) / below.sum(), ddof=1)) / len(side)


def _find_interaction(side: Floats, below: Floats) -> float:
    """Return the variance that the interaction of seeds and units gives a mean over seeds."""
    seeds = len(side)
    errors = find_standard_errors(side - side.mean(axis=0), below)
    return float((errors**2).sum()) / (seeds * (seeds - 1))
