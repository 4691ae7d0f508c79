"""Measure how often intervals of level 95 % hold the true difference of two models, if one is trained several times.

    python benchmarks/seeds.py
    python benchmarks/seeds.py --seeds 3 --units 24 --simulations 10000 --both

The units have lognormal sizes (σ = 1) and normal bits per byte. "ratio" is the variance that the seeds give the
difference over that of the units. The interaction of seeds and units has a tenth of that of the units. `crossed` is
`lmbench.statistics.estimate_crossed`; `satter.` is the same with the degrees of freedom of Satterthwaite; `pigeon.` is
the percentile interval of the pigeonhole bootstrap, whose draws resample seeds and units; `text` takes the mean over
the seeds as given, and resamples the units alone.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import stdtrit

from lmbench.arrays import Floats
from lmbench.statistics import estimate_crossed
from lmbench.statistics.jackknife import find_standard_errors
from lmbench.statistics.units import count_effective

_DRAWS = 500
_INTERACTION = 0.1

Method = Callable[[Floats, Floats, Floats, np.random.Generator], tuple[float, float]]


def main() -> None:
    """Print a row for each number of units and seeds and each ratio of variances."""
    options = _parse_options()
    print(" ".join(["units seeds ratio", *(f"{name:>8}" for name in METHODS)]))
    for units in options.units:
        for seeds in options.seeds:
            for ratio in options.ratios:
                rng = np.random.default_rng([options.seed, units, seeds, round(1000 * ratio)])
                held = np.zeros(len(METHODS))
                for _ in range(options.simulations):
                    first, second, sizes = _simulate(units, seeds, ratio, rng)
                    second = second if options.both else second[:1] * 0
                    ends = [method(first, second, sizes, rng) for method in METHODS.values()]
                    held += [low <= 0 <= high for low, high in ends]
                shares = " ".join(f"{share:8.3f}" for share in held / options.simulations)
                print(f"{units:5} {seeds:5} {ratio:5g} {shares}")


def _simulate(units: int, seeds: int, ratio: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return the bits of two models, (seeds, units) each, whose true difference is 0, and the sizes of the units."""
    sizes = rng.lognormal(size=units)
    of_units = (sizes**2).sum() / sizes.sum() ** 2  # the variance that units give the ratio of sums

    def train() -> Floats:
        rates = rng.normal(size=(seeds, 1)) * math.sqrt(ratio * of_units * seeds)
        return (rates + rng.normal(size=(seeds, units)) * math.sqrt(_INTERACTION * seeds)) * sizes

    return train() + rng.normal(size=units) * sizes, train(), sizes


def _cross(first: Floats, second: Floats, sizes: Floats, rng: np.random.Generator) -> tuple[float, float]:
    found = estimate_crossed(first, second, sizes)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def _cross_as_satterthwaite(
    first: Floats, second: Floats, sizes: Floats, rng: np.random.Generator
) -> tuple[float, float]:
    found, several = estimate_crossed(first, second, sizes), [side for side in (first, second) if len(side) > 1]
    difference = first.mean(axis=0) - second.mean(axis=0)
    parts = [(find_standard_errors(difference[None], sizes)[0] ** 2, count_effective(sizes) - 1)]
    parts += [((side.sum(axis=1) / sizes.sum()).var(ddof=1) / len(side), len(side) - 1) for side in several]
    degrees = sum(variance for variance, _ in parts) ** 2 / sum(variance**2 / degree for variance, degree in parts)
    reach = stdtrit(degrees, 0.975) * (found.error or 0)
    return found.value - reach, found.value + reach


def _resample(first: Floats, second: Floats, sizes: Floats, rng: np.random.Generator) -> tuple[float, float]:
    weights = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), _DRAWS)
    sums = [
        ((rng.multinomial(len(side), np.full(len(side), 1 / len(side)), _DRAWS) @ side) * weights).sum(axis=1)
        / len(side)
        for side in (first, second)
    ]
    low, high = np.quantile((sums[0] - sums[1]) / (weights @ sizes), [0.025, 0.975])
    return low, high


def _ignore_seeds(first: Floats, second: Floats, sizes: Floats, rng: np.random.Generator) -> tuple[float, float]:
    difference = first.mean(axis=0) - second.mean(axis=0)
    center = difference.sum() / sizes.sum()
    reach = stdtrit(count_effective(sizes) - 1, 0.975) * find_standard_errors(difference[None], sizes)[0]
    return center - reach, center + reach


METHODS: dict[str, Method] = {
    "crossed": _cross,
    "satter.": _cross_as_satterthwaite,
    "pigeon.": _resample,
    "text": _ignore_seeds,
}


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("units", (24, 60)), ("seeds", (3, 5, 10))):
        parser.add_argument(f"--{name}", type=_read_integers, default=default)
    parser.add_argument(
        "--ratios", type=lambda text: [float(part) for part in text.split(",")], default=(0, 0.3, 1, 10)
    )
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--both", action="store_true", help="give the other model several seeds as well")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _read_integers(text: str) -> Sequence[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
