"""Intervals, tests and ranks of bits per byte: arrays in, frozen values out; nothing here knows models or runs.

Units (units.py) are what is resampled: documents, or blocks of neighboring ones. An Estimate (estimates.py) is a ratio
of sums over units, with its interval and its test, which are one object (flips.py; jackknife.py for few units).
Comparisons (pairs.py) are differences between models on the same units; letters.py makes groups of models that do not
differ, and power.py says how much text a difference needs. seeds.py is for models trained several times, across.py
for several corpora, and shares.py for the right answers of a task. docs/statistics.md explains the methods.
"""

from lmbench.statistics.across import Average, average_ratios, count_shown
from lmbench.statistics.estimates import Estimate, estimate_sums
from lmbench.statistics.letters import find_letters
from lmbench.statistics.pairs import MARGIN, Comparison, compare_pairs, find_differing, find_ranks
from lmbench.statistics.seeds import estimate_crossed, estimate_models
from lmbench.statistics.shares import (
    compare_values,
    estimate_share,
    estimate_values,
    find_mcnemar_p,
    have_exact_interval,
    join_items,
)
from lmbench.statistics.units import FEWEST_EFFECTIVE, Inflation, Units

__all__ = [
    "FEWEST_EFFECTIVE",
    "MARGIN",
    "Average",
    "Comparison",
    "Estimate",
    "Inflation",
    "Units",
    "average_ratios",
    "compare_pairs",
    "compare_values",
    "count_shown",
    "estimate_crossed",
    "estimate_models",
    "estimate_share",
    "estimate_sums",
    "estimate_values",
    "find_differing",
    "find_letters",
    "find_mcnemar_p",
    "find_ranks",
    "have_exact_interval",
    "join_items",
]
