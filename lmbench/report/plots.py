"""Draw exhibits as pictures with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lmbench.exhibit import Exhibit, Number, formatted
from lmbench.report.fonts import escape_missing, find_families

_WIDTH = 8.0  # inches
_ROW = 0.22  # inches, the height of a row of a table or a heatmap
_MOST_NAMES = 64  # of a heatmap's rows or columns; more are drawn without names
_LONGEST_NAME = 28  # characters
_ROW_CHARACTERS = 115  # that fit into a row of a table
_DPI = 120


def picture(exhibits: Sequence[Exhibit]) -> bytes:
    """Return a PNG with these exhibits, one below the other."""
    with matplotlib.rc_context({"font.family": list(find_families()), "font.size": 8, "text.parse_math": False}):
        heights = [_height(exhibit) for exhibit in exhibits]
        figure = Figure(figsize=(_WIDTH, sum(heights)), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        # subfigures, because each has its own margins
        parts = figure.subfigures(len(exhibits), squeeze=False, height_ratios=heights)
        for exhibit, [part] in zip(exhibits, parts, strict=True):
            axes = part.subplots()
            axes.set_title(escape_missing(exhibit.title), loc="left", fontweight="bold")
            {"table": _table, "lines": _lines, "heatmap": _heatmap}[exhibit.kind](axes, exhibit)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _height(exhibit: Exhibit) -> float:
    """Return the height of an exhibit in inches."""
    if exhibit.kind == "lines":
        return 3.5
    rows = len(exhibit.rows) + 3
    return _ROW * rows if exhibit.kind == "table" else min(max(_ROW * rows, 2.5), 9.0) + 1.0


def _lines(axes: Axes, exhibit: Exhibit) -> None:
    marker = "." if len(exhibit.rows) < 30 else ""
    for number, name in enumerate(exhibit.columns[1:], start=1):
        rows = [row for row in exhibit.rows if row[0] is not None and row[number] is not None]
        x, y = _numbers([row[0] for row in rows]), _numbers([row[number] for row in rows])
        axes.plot(x, y, label=escape_missing(name), marker=marker)
    for number, (name, value) in enumerate(exhibit.levels):
        axes.axhline(value, label=escape_missing(f"{name}: {formatted(value)}"), color="0.3", linestyle=_dashes(number))
    axes.set_xlabel(escape_missing(exhibit.columns[0]))
    axes.set_ylabel(escape_missing(exhibit.unit))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _heatmap(axes: Axes, exhibit: Exhibit) -> None:
    values = [_numbers(row[1:]) for row in exhibit.rows]
    image = axes.imshow(values, aspect="auto", cmap="Blues", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=escape_missing(exhibit.unit))
    axes.set_ylabel(escape_missing(exhibit.columns[0]))
    names = [_shorten(escape_missing(column)) for column in exhibit.columns[1:]]
    if len(names) <= _MOST_NAMES:
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=_font_size(len(names)))
    if len(values) <= _MOST_NAMES:
        axes.set_yticks(
            range(len(values)),
            [_shorten(escape_missing(formatted(row[0]))) for row in exhibit.rows],
            fontsize=_font_size(len(values)),
        )


def _table(axes: Axes, exhibit: Exhibit) -> None:
    axes.set_axis_off()
    texts = [[escape_missing(column) for column in exhibit.columns]]
    texts += [[escape_missing(formatted(entry)) for entry in row] for row in exhibit.rows]
    widths = [max(map(len, column)) + 2 for column in zip(*texts, strict=True)]
    longest = widths.index(max(widths))
    widths[longest] = max(min(widths[longest], _ROW_CHARACTERS - sum(widths) + widths[longest]), 10)
    for row in texts:
        row[longest] = _shorten(row[longest], widths[longest])
    table = axes.table(
        cellText=texts,
        colWidths=[width / _ROW_CHARACTERS for width in widths],
        cellLoc="left",
        loc="upper left",
        edges="horizontal",
    )
    table.auto_set_font_size(False)


def _numbers(entries: Sequence[Number | str | None]) -> list[float]:
    """Return the entries of a row or column as floats, with NaN for None."""
    return [float("nan") if entry is None else float(entry) for entry in entries]


def _font_size(names: int) -> float:
    """Return the font size, in points, at which this many names fit along an axis."""
    return 8 if names <= 32 else 5.5


def _dashes(number: int) -> str:
    return ("--", ":", "-.")[number % 3]


def _shorten(text: str, length: int = _LONGEST_NAME) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
