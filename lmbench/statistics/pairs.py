"""All pairs of models on the same text: differences with their intervals, corrected tests, and ranks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lmbench.arrays import Flags, Floats
from lmbench.statistics.estimates import ALPHA, Estimate
from lmbench.statistics.power import find_bytes_needed, find_detectable
from lmbench.statistics.seeds import estimate_differences
from lmbench.statistics.units import Units

MARGIN = 0.001
"""Bits per byte by which models may differ and still be equal for all purposes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two models on the same text.

    Attributes:
        first: The number of the first model.
        second: The number of the second model.
        difference: Bits per byte of the first less those of the second: below 0 if the first is better.
        adjusted_p: The p of the difference, corrected for the number of pairs by Holm's method; None if the difference
            has no p.
        equal: Whether the interval lies within the margin of equivalence.
        wins: The number of documents on which the first needs fewer bits than the second.
        losses: The number of documents on which it needs more.
        size: The bytes of the text.
    """

    first: int
    second: int
    difference: Estimate
    adjusted_p: float | None
    equal: bool
    wins: int
    losses: int
    size: float

    @property
    def differs(self) -> bool:
        """Whether the difference is significant after the correction, and larger than the margin of equivalence."""
        return self.adjusted_p is not None and self.adjusted_p < ALPHA and not self.equal

    @property
    def detectable(self) -> float | None:
        """The smallest true difference that this text shows with a probability of 80 %; None if it has no error."""
        return None if self.difference.error is None else find_detectable(self.difference.error)

    def bytes_needed(self, difference: float) -> float | None:
        """Return how many bytes of such text show a true difference with a probability of 80 %."""
        error = self.difference.error
        return None if error is None else find_bytes_needed(self.size, error, difference)

    def reversed(self) -> Comparison:
        """Return the comparison of the second model with the first."""
        old = self.difference
        low, high = (None if end is None else 0.0 - end for end in (old.high, old.low))
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=replace(old, value=0.0 - old.value, low=low, high=high),
            wins=self.losses,
            losses=self.wins,
        )


def compare_pairs(
    models: Sequence[Floats],
    units: Units,
    margin: float = MARGIN,
    pairs: Sequence[tuple[int, int]] | None = None,
) -> tuple[Comparison, ...]:
    """Return the comparison of each model with each later one, or of some pairs.

    Args:
        models: Of each model, the bits of each document under each seed, (seeds, documents).
        units: What is resampled.
        margin: Bits per byte within which models are equal.
        pairs: The numbers of the models to compare; None for all pairs.
    """
    if pairs is None:
        pairs = list(combinations(range(len(models)), 2))
    if not pairs:
        return ()
    bits = np.stack([seeds.mean(axis=0) for seeds in models])
    sums = [units.sum(seeds) for seeds in models]
    estimates = estimate_differences([(sums[first], sums[second]) for first, second in pairs], units.sizes)
    adjusted = adjust_holm([estimate.p for estimate in estimates])
    return tuple(
        Comparison(
            first=one,
            second=other,
            difference=estimate,
            adjusted_p=p,
            equal=_is_within(estimate, margin),
            wins=int((bits[one] < bits[other]).sum()),
            losses=int((bits[one] > bits[other]).sum()),
            size=float(units.sizes.sum()),
        )
        for (one, other), estimate, p in zip(pairs, estimates, adjusted, strict=True)
    )


def adjust_holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return the p values corrected by Holm's method ("A simple sequentially rejective multiple test procedure", 1979).

    Those that are None are left out of the count.
    """
    order = sorted((p, number) for number, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, number) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        adjusted[number] = largest
    return adjusted


def find_differing(models: int, comparisons: Iterable[Comparison]) -> Flags:
    """Return which models differ, (models, models)."""
    differs = np.zeros((models, models), dtype=bool)
    for pair in comparisons:
        differs[pair.first, pair.second] = differs[pair.second, pair.first] = pair.differs
    return differs


def find_ranks(values: Sequence[float], differs: Flags) -> list[int]:
    """Return each model's rank: 1 and the number of models that are better, by more than chance.

    Args:
        values: (models,) bits per byte.
        differs: (models, models) whether two models differ.
    """
    better = np.asarray(values)[None, :] < np.asarray(values)[:, None]
    ranks: list[int] = (1 + (differs & better).sum(axis=1)).tolist()
    return ranks


def _is_within(estimate: Estimate, margin: float) -> bool:
    """Return whether an interval lies within a margin on both sides of 0."""
    return estimate.low is not None and estimate.high is not None and -margin < estimate.low <= estimate.high < margin
