"""Draw the rankings of a run: bits per byte with their intervals, a panel for each corpus."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.report.fonts import escape_missing, find_families
from lmbench.report.ranked_run import name_entry
from lmbench.report.ranked_tables import find_rate, name_anchor

_WIDTH = 7.0  # inches
_ROW = 0.28  # inches
_MARGINS = 1.1  # inches of a panel for its title and its axis
_LONGEST_NAME = 48  # characters
_COMPRESSOR = "0.55"  # a gray for light and dark pages


def draw_rankings(rankings: Sequence[Ranking]) -> Figure:
    """Return a figure with a panel for each corpus: its models from best to worst, and compressors in gray."""
    with matplotlib.rc_context({"font.family": list(find_families()), "font.size": 9, "text.parse_math": False}):
        heights = [_MARGINS + _ROW * (len(ranking.entries) + len(ranking.corpus.anchors)) for ranking in rankings]
        figure = Figure(figsize=(_WIDTH, sum(heights) or _MARGINS), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(rankings) or 1, squeeze=False, height_ratios=heights or None)
        for ranking, [axes] in zip(rankings, panels, strict=False):
            _draw_ranking(axes, ranking)
        return figure


def _draw_ranking(axes: Axes, ranking: Ranking) -> None:
    anchors = sorted(ranking.corpus.anchors, key=lambda anchor: find_rate(anchor, ranking.corpus))
    names = [*(name_entry(entry) for entry in ranking.entries), *map(name_anchor, anchors)]
    for row, entry in enumerate(ranking.entries):
        _draw_entry(axes, row, entry)
    for row, anchor in enumerate(anchors, start=len(ranking.entries)):
        axes.plot(find_rate(anchor, ranking.corpus), row, marker="|", markersize=10, color=_COMPRESSOR)
    if floor := next((cell.metrics.floor for entry in ranking.entries for cell in entry.cells if cell.metrics), None):
        axes.axvline(floor, color=_COMPRESSOR, linestyle="--", label="floor of the source")
        axes.legend(frameon=False)
    axes.set_yticks(range(len(names)), [_shorten(escape_missing(name)) for name in names])
    axes.invert_yaxis()
    axes.margins(y=0.5 / max(len(names), 1))
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("bits per byte (lower is better), with 95 % intervals")
    axes.set_title(escape_missing(ranking.corpus.name), loc="left", fontweight="bold")


def _draw_entry(axes: Axes, row: int, entry: Entry) -> None:
    """Draw a model. It is filled if it is the best one, or does not differ from it by more than chance."""
    value, low, high = entry.per_byte.value, entry.per_byte.low, entry.per_byte.high
    errors = None if low is None or high is None else [[value - low], [high - value]]
    is_best = entry.rank is not None and not (entry.to_best and entry.to_best.differs)
    axes.errorbar(value, row, xerr=errors, fmt="o", color="C0", capsize=3, markerfacecolor="C0" if is_best else "none")


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
