"""Draw exhibits: lines and heatmaps as charts, and tables as texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lmbench.chart import Axis, Chart, Grid, Level, Line
from lmbench.exhibit import Exhibit, Number, formatted
from lmbench.report.drawing.tables import draw_table, find_height
from lmbench.report.drawing.texts import draw_text
from lmbench.report.glyphs import escape_missing
from lmbench.report.pictures import convert, respell
from lmbench.report.svg import Drawing, draw, draw_file

_WIDTH = 900.0  # pixels
_HEADING = 20.0


def picture(exhibits: Sequence[Exhibit], suffix: str = ".png") -> bytes:
    """Return a picture with these exhibits, one below the other.

    Args:
        exhibits: The exhibits.
        suffix: The format of the picture: ".svg", ".png" or ".pdf".
    """
    spelled = exhibits if suffix == ".svg" else [_spell(exhibit) for exhibit in exhibits]
    return convert(draw_file([_draw(exhibit) for exhibit in spelled]), suffix)


def make_chart(exhibit: Exhibit) -> Chart:
    """Return lines or a heatmap as a chart."""
    return _make_lines(exhibit) if exhibit.kind == "lines" else _make_grid(exhibit)


def _draw(exhibit: Exhibit) -> Drawing:
    if exhibit.kind != "table":
        return draw(make_chart(exhibit), _WIDTH, has_heading=True)
    parts = draw_text(0, _HEADING - 6, exhibit.title, "title"), *draw_table(exhibit, _HEADING, _WIDTH)
    return Drawing(exhibit.title, exhibit.shows, parts, _WIDTH, _HEADING + find_height(exhibit))


def _spell(exhibit: Exhibit) -> Exhibit:
    """Return an exhibit with escapes for letters that cannot be drawn."""
    texts = {name: respell(getattr(exhibit, name), escape_missing) for name in ("title", "columns", "rows", "unit")}
    return exhibit.model_copy(update=texts | {"levels": respell(exhibit.levels, escape_missing)})


def _make_lines(exhibit: Exhibit) -> Chart:
    lines = tuple(_make_line(exhibit, column) for column in range(1, len(exhibit.columns)))
    levels = tuple(Level(name, value) for name, value in exhibit.levels)
    return Chart(exhibit.title, exhibit.shows, Axis(exhibit.columns[0]), Axis("", exhibit.unit), lines, levels)


def _make_line(exhibit: Exhibit, column: int) -> Line:
    """Return a column as a line through its numbers, those that are missing left out."""
    rows = [row for row in exhibit.rows if row[0] is not None and row[column] is not None]
    x, y = (tuple(_number(row[place]) for row in rows) for place in (0, column))
    return Line(exhibit.columns[column], x, y)


def _make_grid(exhibit: Exhibit) -> Chart:
    rows = tuple(tuple(map(_number, row[1:])) for row in exhibit.rows)
    x = Axis("", scale="categories", categories=exhibit.columns[1:])
    y = Axis(exhibit.columns[0], scale="categories", categories=tuple(formatted(row[0]) for row in exhibit.rows))
    return Chart(exhibit.title, exhibit.shows, x, y, (Grid(exhibit.unit, rows),))


def _number(entry: Number | str | None) -> float:
    return entry if isinstance(entry, (int, float)) else math.nan
