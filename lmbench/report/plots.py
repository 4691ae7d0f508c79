"""Exhibits as pictures, drawn by matplotlib."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from functools import cache

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from lmbench.exhibit import Exhibit, Number, formatted
from lmbench.printable import printable

_LATIN = "DejaVu Sans"  # matplotlib's own, always there
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Arial Unicode MS",
)
_WIDTH = 8.0  # inches
_ROW = 0.22  # inches of a table's or a heatmap's row
_MOST_NAMES = 64  # more rows or columns of a heatmap go without their names
_LONGEST_NAME = 28
_LETTERS = 115  # of a table's row
_DPI = 120


def picture(exhibits: Sequence[Exhibit]) -> bytes:
    """A PNG with these exhibits, one below the other."""
    with matplotlib.rc_context({"font.family": list(_families()), "font.size": 8, "text.parse_math": False}):
        heights = [_height(exhibit) for exhibit in exhibits]
        figure = Figure(figsize=(_WIDTH, sum(heights)), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        parts = figure.subfigures(len(exhibits), squeeze=False, height_ratios=heights)  # each with margins of its own
        for exhibit, [part] in zip(exhibits, parts, strict=True):
            axes = part.subplots()
            axes.set_title(_drawable(exhibit.title), loc="left", fontweight="bold")
            {"table": _table, "lines": _lines, "heatmap": _heatmap}[exhibit.kind](axes, exhibit)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _height(exhibit: Exhibit) -> float:
    """Inches."""
    if exhibit.kind == "lines":
        return 3.5
    rows = len(exhibit.rows) + 3
    return _ROW * rows if exhibit.kind == "table" else min(max(_ROW * rows, 2.5), 9.0) + 1.0


def _lines(axes: Axes, exhibit: Exhibit) -> None:
    marker = "." if len(exhibit.rows) < 30 else ""
    for number, name in enumerate(exhibit.columns[1:], start=1):
        rows = [row for row in exhibit.rows if row[0] is not None and row[number] is not None]
        x, y = _numbers([row[0] for row in rows]), _numbers([row[number] for row in rows])
        axes.plot(x, y, label=_drawable(name), marker=marker)
    for number, (name, value) in enumerate(exhibit.levels):
        axes.axhline(value, label=_drawable(f"{name}: {formatted(value)}"), color="0.3", linestyle=_dashes(number))
    axes.set_xlabel(_drawable(exhibit.columns[0]))
    axes.set_ylabel(_drawable(exhibit.unit))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _heatmap(axes: Axes, exhibit: Exhibit) -> None:
    values = [_numbers(row[1:]) for row in exhibit.rows]
    image = axes.imshow(values, aspect="auto", cmap="Blues", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=_drawable(exhibit.unit))
    axes.set_ylabel(_drawable(exhibit.columns[0]))
    names = [_short(_drawable(column)) for column in exhibit.columns[1:]]
    if len(names) <= _MOST_NAMES:
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=_small(len(names)))
    if len(values) <= _MOST_NAMES:
        axes.set_yticks(
            range(len(values)),
            [_short(_drawable(formatted(row[0]))) for row in exhibit.rows],
            fontsize=_small(len(values)),
        )


def _table(axes: Axes, exhibit: Exhibit) -> None:
    axes.set_axis_off()
    texts = [[_drawable(column) for column in exhibit.columns]]
    texts += [[_drawable(formatted(entry)) for entry in row] for row in exhibit.rows]
    widths = [max(map(len, column)) + 2 for column in zip(*texts, strict=True)]
    longest = widths.index(max(widths))
    widths[longest] = max(min(widths[longest], _LETTERS - sum(widths) + widths[longest]), 10)
    for row in texts:
        row[longest] = _short(row[longest], widths[longest])
    table = axes.table(
        cellText=texts,
        colWidths=[width / _LETTERS for width in widths],
        cellLoc="left",
        loc="upper left",
        edges="horizontal",
    )
    table.auto_set_font_size(False)


def _numbers(entries: Sequence[Number | str | None]) -> list[float]:
    """The entries of a column or row of numbers; NaN for None."""
    return [float("nan") if entry is None else float(entry) for entry in entries]


def _small(names: int) -> float:
    """The size, in points, of letters of so many names along an axis."""
    return 8 if names <= 32 else 5.5


def _dashes(number: int) -> str:
    return ("--", ":", "-.")[number % 3]


def _short(text: str, letters: int = _LONGEST_NAME) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _drawable(text: str) -> str:
    """`text`, with escapes for what no font on this machine has."""
    known, text = _glyphs(), printable(text)
    if not known.issuperset(map(ord, text)):
        _say_what_is_missing()
    return "".join(letter if ord(letter) in known else letter.encode("unicode_escape").decode() for letter in text)


@cache
def _say_what_is_missing() -> None:
    """Once a process: a page of escapes explains itself badly."""
    sys.stderr.write(
        "pictures have escapes in place of letters that no font here has; for Chinese, install a font such as "
        "Noto Sans CJK\n"
    )


@cache
def _families() -> tuple[str, ...]:
    """The fonts that text is drawn with, the first that has a letter for each."""
    installed = {font.name for font in fontManager.ttflist}
    return (_LATIN, *(name for name in _CHINESE if name in installed))


@cache
def _glyphs() -> frozenset[int]:
    """The code points that these fonts have."""
    files = [findfont(FontProperties(family=family), fallback_to_default=False) for family in _families()]
    return frozenset().union(*(get_font(file).get_charmap() for file in files))
