"""Where the bits come from: the analyses that need nothing but the stored cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.analysis.costs import COSTS, draw_costs, measure_costs
from lmbench.analysis.ladder import draw_ladder, measure_ladder
from lmbench.analysis.ranking import Ranking
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.ranked_run import RankedRun

_FEWEST = 2  # models that a comparison needs


@dataclass(frozen=True, slots=True)
class Analyses:
    """The analyses of a corpus.

    Attributes:
        corpus: The name of the corpus.
        figures: The analyses.
    """

    corpus: str
    figures: Sequence[Figure]


def list_analyses(results: RankedRun) -> Iterator[Analyses]:
    """Yield the analyses of each corpus on which models can be compared."""
    for ranking in results.rankings:
        if len(ranking.entries) >= _FEWEST:
            yield Analyses(ranking.corpus.name, [*_draw_ladder(results, ranking), *_draw_costs(ranking)])


def _draw_ladder(results: RankedRun, ranking: Ranking) -> Iterator[Figure]:
    frame = measure_ladder(results.directory, ranking.corpus)
    if len(frame) >= _FEWEST:
        yield make_figure(draw_ladder(frame, ranking.corpus.name))


def _draw_costs(ranking: Ranking) -> Iterator[Figure]:
    frame = measure_costs(ranking)
    for cost in COSTS:
        if (frame["cost"] == cost).sum() >= _FEWEST:
            yield make_figure(draw_costs(frame, cost))
