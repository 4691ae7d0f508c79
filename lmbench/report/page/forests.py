"""Forest plots: the paired differences of all models to a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lmbench.analysis.across import find_number
from lmbench.analysis.ranking import Ranking
from lmbench.chart import Axis, Chart, Level, Points
from lmbench.report.digits import show_difference
from lmbench.report.ranked_run import name_entry
from lmbench.statistics import Comparison

_FARTHEST = 2  # times as many bits as the baseline, beyond which a model would make the others look alike
_DIFFERS, _OPEN = "differs by more than chance", "not shown, or equal"


def draw_forest(ranking: Ranking, baseline: str) -> Chart | None:
    """Return the chart of the differences to a baseline, from the best model to the worst; None without numbers.

    Args:
        ranking: The models of a corpus.
        baseline: The label of one of them.
    """
    number = find_number(ranking, baseline)
    if number is None or len(ranking.entries) < 2:
        return None
    limit = (_FARTHEST - 1) * ranking.entries[number].per_byte.value
    pairs = list(_list_pairs(ranking, number))
    near = [pair for pair in pairs if pair.difference.value <= limit]
    far = [pair for pair in pairs if pair.difference.value > limit]
    if not near:
        return None
    names = tuple(name_entry(ranking.entries[pair.first]) for pair in near)
    return Chart(
        title=f"Differences to {baseline} on {ranking.corpus.name}",
        description=f"Bits per byte less those of {baseline} on the same documents, with 95 % intervals. Left of 0, a "
        f"model needs fewer bits.{_name_far(ranking, far)}",
        x=Axis("difference", "bits per byte"),
        y=Axis("", scale="categories", categories=names),
        series=tuple(series for name in (_DIFFERS, _OPEN) if (series := _collect(ranking, near, name)).x),
        levels=(Level("", 0.0),),
    )


def _list_pairs(ranking: Ranking, baseline: int) -> Iterator[Comparison]:
    """Yield the comparison of each other model with the baseline."""
    for pair in ranking.comparisons:
        if baseline in (pair.first, pair.second):
            yield pair if pair.second == baseline else pair.reversed()


def _collect(ranking: Ranking, pairs: list[Comparison], name: str) -> Points:
    """Return the points of the pairs that differ, or of those that do not."""
    can_differ = not ranking.has_too_few_documents
    chosen = [pair for pair in pairs if (name == _DIFFERS) == (can_differ and pair.differs)]
    found = [pair.difference for pair in chosen]
    return Points(
        name=name,
        x=tuple(each.value for each in found),
        y=tuple(name_entry(ranking.entries[pair.first]) for pair in chosen),
        low=tuple(math.nan if each.low is None else each.low for each in found),
        high=tuple(math.nan if each.high is None else each.high for each in found),
    )


def _name_far(ranking: Ranking, pairs: list[Comparison]) -> str:
    """Return which models are too far away to be shown."""
    names = [f"{name_entry(ranking.entries[pair.first])} ({show_difference(pair.difference)})" for pair in pairs]
    return f" Not shown, since over twice as many bits are needed: {', '.join(names)}." if names else ""
