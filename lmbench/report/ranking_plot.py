"""Draw the rankings of a run: bits per byte with their intervals, a chart for each corpus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import itemgetter

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.chart import Axis, Chart, Level, Points
from lmbench.report.pictures import Picture
from lmbench.report.ranked_run import name_entry
from lmbench.report.ranked_tables import find_rate, name_anchor

_BEST, _WORSE = "best, or not shown to differ from it", "worse by more than chance"
_UNRANKED = "model; no ranking is claimed"


def draw_rankings(rankings: Sequence[Ranking]) -> Picture:
    """Return a picture with a chart for each corpus."""
    return Picture(tuple(map(draw_ranking, rankings)))


def draw_ranking(ranking: Ranking) -> Chart:
    """Return the chart of a corpus: its models and the compressors, from best to worst."""
    anchors = {name_anchor(anchor): find_rate(anchor, ranking.corpus) for anchor in ranking.corpus.anchors}
    rates = [*((name_entry(entry), entry.per_byte.value) for entry in ranking.entries), *anchors.items()]
    return Chart(
        title=ranking.corpus.name,
        description="Bits per byte of the test text that each model needs, from best to worst, with 95 % intervals.",
        x=Axis("bits per byte (lower is better), with 95 % intervals"),
        y=Axis("", scale="categories", categories=tuple(name for name, _ in sorted(rates, key=itemgetter(1)))),
        series=tuple(_list_series(ranking, anchors)),
        levels=_list_levels(ranking),
    )


def _list_series(ranking: Ranking, anchors: dict[str, float]) -> Iterator[Points]:
    """Yield the models that are alike, and the compressors."""
    kinds = {_classify(entry) for entry in ranking.entries}
    for kind in (_BEST, _WORSE, _UNRANKED):
        if kind in kinds:
            yield _collect(kind, [entry for entry in ranking.entries if _classify(entry) == kind])
    if anchors:
        yield Points("compressor", tuple(anchors.values()), tuple(anchors))


def _classify(entry: Entry) -> str:
    if entry.rank is None:
        return _UNRANKED
    return _WORSE if entry.to_best and entry.to_best.differs else _BEST


def _collect(name: str, entries: Sequence[Entry]) -> Points:
    rates = [entry.per_byte for entry in entries]
    return Points(
        name=name,
        x=tuple(rate.value for rate in rates),
        y=tuple(map(name_entry, entries)),
        low=tuple(math.nan if rate.low is None else rate.low for rate in rates),
        high=tuple(math.nan if rate.high is None else rate.high for rate in rates),
    )


def _list_levels(ranking: Ranking) -> tuple[Level, ...]:
    """Return the floor of the source, if it is known."""
    cells = (cell for entry in ranking.entries for cell in entry.cells if cell.metrics)
    floor = next((cell.metrics.floor for cell in cells if cell.metrics), None)
    return () if floor is None else (Level("floor of the source", floor),)
