"""Exhibits that are tables, in pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lmbench.exhibit import Exhibit, formatted
from lmbench.report.drawing.texts import draw_text, measure, number, shorten

_MOST = 100  # rows
_ROW = 17  # pixels
_GAP = 14  # pixels between columns
_LEAST = 80  # pixels of the broadest column, if the table is too wide


def draw_table(exhibit: Exhibit, top: float, width: float) -> Iterator[str]:
    """Yield the texts of the first rows of a table; those of its broadest column are shortened if it is too wide.

    Args:
        exhibit: The exhibit.
        top: The upper edge, in pixels.
        width: The width of the picture.
    """
    rows = [exhibit.columns, *(tuple(map(formatted, row)) for row in exhibit.rows[:_MOST])]
    widths = _fit(rows, width)
    for order, row in enumerate(rows, start=1):
        x, y = 0.0, top + _ROW * order - 5
        for text, room in zip(row, widths, strict=True):
            yield draw_text(x, y, shorten(text, room), "" if order > 1 else "quiet", text)
            x += room + _GAP
        yield f'<path class="rule" d="M0 {number(y + 5)}h{number(width)}"/>'
    if (left_out := len(exhibit.rows) - _MOST) > 0:
        yield draw_text(0, top + _ROW * (_MOST + 2) - 5, f"… and {left_out:,} more rows", "quiet")


def find_height(exhibit: Exhibit) -> float:
    """Return the height of a table in pixels."""
    return _ROW * (min(len(exhibit.rows), _MOST + 1) + 1.0)


def _fit(rows: Sequence[Sequence[str]], width: float) -> list[float]:
    """Return the widths of the columns."""
    widths = [max(map(measure, column)) + 1 for column in zip(*rows, strict=True)]
    room = width - _GAP * (len(widths) - 1)
    broadest = widths.index(max(widths))
    widths[broadest] = min(widths[broadest], max(room - sum(widths) + widths[broadest], _LEAST))
    return [column * min(1.0, room / sum(widths)) for column in widths]
