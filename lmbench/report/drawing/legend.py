"""The legend of a chart: a sample and a name for each series and level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.chart import Bars, Chart, Grid, Level, Line, Series, is_dashed
from lmbench.report.drawing.frame import LINE
from lmbench.report.drawing.grids import draw_scale
from lmbench.report.drawing.scales import show_number
from lmbench.report.drawing.series import dash_level, dash_line, draw_marker
from lmbench.report.drawing.style import choose_styles, name_class
from lmbench.report.drawing.texts import draw_text, measure, shorten

_SAMPLE = 22  # pixels
_GAP = 5  # pixels between a sample and its name
_SPACE = 16  # pixels between an item and the next one


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a legend.

    Attributes:
        series: The series or level that it names.
        name: The name.
        style: The style of a series, or the number of a level.
    """

    series: Series | Level
    name: str
    style: int | None

    def draw(self, x: float, y: float, width: float) -> Iterator[str]:
        """Yield the sample and the name, at this left edge and baseline."""
        middle = y - 4
        if isinstance(self.series, Level):
            yield f'<path class="level"{dash_level(self.style or 0)} d="M{x:g} {middle:g}h{_SAMPLE}"/>'
        else:
            yield f'<g class="{name_class(self.style)}">{"".join(self._draw_sample(x, middle))}</g>'
        yield draw_text(x + _SAMPLE + _GAP, y, shorten(self.name, width), full=self.name)

    def _draw_sample(self, x: float, y: float) -> Iterator[str]:
        if isinstance(self.series, Bars):
            yield f'<path class="fill" d="M{x + 5:g} {y - 6:g}h12v12h-12z"/>'
            return
        if isinstance(self.series, Line):
            yield f'<path class="line"{dash_line(self.style, self.series)} d="M{x:g} {y:g}h{_SAMPLE}"/>'
        if not is_dashed(self.series):
            yield f'<path class="mark" d="{draw_marker(self.style, (x + _SAMPLE / 2, y))}"/>'


@dataclass(frozen=True, slots=True)
class Legend:
    """The legend above a plot.

    Attributes:
        parts: Its elements.
        height: Its height in pixels, 0 if nothing has a name.
    """

    parts: Sequence[str]
    height: float


def draw_legend(chart: Chart, top: float, width: float) -> Legend:
    """Return the legend, in as many rows as its entries need.

    Args:
        chart: The chart.
        top: The upper edge.
        width: The width of the picture.
    """
    if chart.series and isinstance(chart.series[0], Grid):
        return Legend(list(draw_scale(chart.series[0], 0, top + LINE - 4)), LINE + 2)
    entries = _find_entries(chart)
    rows = _arrange([_SAMPLE + _GAP + measure(entry.name) + _SPACE for entry in entries], width + _SPACE)
    parts: list[str] = []
    for entry, (x, row) in zip(entries, rows, strict=True):
        parts += entry.draw(x, top + LINE * row - 4, width - _SAMPLE - _GAP)
    return Legend(parts, LINE * rows[-1][1] if rows else 0.0)


def _arrange(widths: Sequence[float], width: float) -> list[tuple[float, int]]:
    """Return the left edge of each entry and its row, counted from 1; entries of three rows or more form columns."""
    places: list[tuple[float, int]] = []
    x, row = 0.0, 1
    for taken in widths:
        if x and x + taken > width:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += taken
    widest = max(widths, default=0.0)
    is_even = all(math.isclose(taken, widest) for taken in widths)
    return _arrange([widest] * len(widths), width) if row > 2 and not is_even else places


def _find_entries(chart: Chart) -> list[Item]:
    """Return the entries of all names, the first one if several series have the same."""
    series: dict[str, Item] = {}
    for one, style in zip(chart.series, choose_styles(chart), strict=True):
        if isinstance(one, Series) and one.name:
            series.setdefault(one.name, Item(one, one.name, style))
    levels = [
        Item(level, f"{level.name}: {show_number(level.value)}", number)
        for number, level in enumerate(chart.levels)
        if level.name
    ]
    return [*series.values(), *levels]
