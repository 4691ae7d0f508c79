"""Several corpora: the average of ratios over them, and on how many of them a difference is shown.

The bits per byte of different corpora are on different scales, and their mean would be ruled by the hardest text.
Ratios of two models share a scale. Their average is geometric, so that it does not matter which model is divided by
which (Fleming and Wallace, "How not to lie with statistics: the correct way to summarize benchmark results", 1986).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats
from lmbench.statistics.estimates import ALPHA
from lmbench.statistics.jackknife import find_t_interval
from lmbench.statistics.pairs import adjust_holm

FEWEST_CORPORA = 3
"""Corpora below which an average of ratios gets no interval."""


@dataclass(frozen=True, slots=True)
class Average:
    """The geometric mean of ratios over corpora.

    The intervals are those of t on the logarithms, of level 95 %. They take the corpora for a sample of similar ones.

    Attributes:
        value: The geometric mean.
        low: The lower end of its interval; None if there are fewer than three corpora.
        high: The upper end; None as well.
        next_low: The lower end of the prediction interval, which holds the ratio on one more such corpus; None as well.
        next_high: The upper end; None as well.
    """

    value: float
    low: float | None = None
    high: float | None = None
    next_low: float | None = None
    next_high: float | None = None


def average_ratios(ratios: Floats) -> Average:
    """Return the geometric mean of ratios with its intervals.

    Args:
        ratios: (corpora,) the ratio on each corpus, above 0; at least one.
    """
    logs, corpora = np.log(ratios), len(ratios)
    center = float(logs.mean())
    if corpora < FEWEST_CORPORA:
        return Average(math.exp(center))
    deviation = float(logs.std(ddof=1))
    errors = (deviation / math.sqrt(corpora), deviation * math.sqrt(1 + 1 / corpora))
    ends = [end for error in errors for end in find_t_interval(center, error, corpora - 1, ALPHA)[:2]]
    return Average(math.exp(center), *map(math.exp, ends))


def count_shown(ps: Sequence[float]) -> int:
    """Return the largest number of corpora on which a difference is shown, at a level of 5 % for this number.

    At least u of N hypotheses are false if (N − u + 1) times the u-th smallest p is below 5 %. This partial conjunction
    test does not need independent corpora: some may be translations of others (Benjamini and Heller,
    "Screening for partial conjunction hypotheses", 2008; Dror et al., "Replicability analysis for natural language
    processing: testing significance with multiple datasets", 2017). If the answer must also hold for each smaller u, u
    is the number of hypotheses that Holm's method rejects.

    Args:
        ps: The p of each corpus.
    """
    return sum(p < ALPHA for p in adjust_holm(ps) if p is not None)
