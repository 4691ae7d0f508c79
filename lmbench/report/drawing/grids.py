"""Grids of numbers as shades of a color."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lmbench.chart import Chart, Grid
from lmbench.report.drawing.frame import Frame
from lmbench.report.drawing.scales import show_number
from lmbench.report.drawing.texts import draw_text, measure, number

_FAINTEST = 0.06  # the opacity of the smallest number
_STRONGEST_WITH_TEXT = 0.5  # the opacity of the largest number below its text, which stays legible
_MOST_WITH_TEXT = 12  # columns of a grid that shows its numbers as texts
_LOWEST_ROW = 15  # pixels, of a row with texts
_SWATCHES = 5
_SWATCH = 14  # pixels


@dataclass(frozen=True, slots=True)
class Shades:
    """The color and the opacity of each number: one color from the smallest to the largest, or two that begin at 0.

    Attributes:
        low: The smallest number, or the one as far from 0 as the largest.
        high: The largest number.
        strongest: The largest opacity.
    """

    low: float
    high: float
    strongest: float

    @classmethod
    def of(cls, grid: Grid) -> Shades:
        """Return the shades of a grid's numbers."""
        numbers = [entry for row in grid.rows for entry in row if math.isfinite(entry)]
        low, high = min(numbers, default=0.0), max(numbers, default=0.0)
        strongest = _STRONGEST_WITH_TEXT if _has_texts(grid) else 1.0
        bound = max(-low, high)
        return cls(-bound, bound, strongest) if low < 0 < high else cls(low, high, strongest)

    def shade(self, value: float) -> tuple[int, float]:
        """Return the number of the color, and the opacity in steps of 0.02."""
        if self.low < 0 < self.high:
            color, strength = int(value < 0), abs(value) / self.high
        else:
            color, strength = 0, (value - self.low) / ((self.high - self.low) or 1.0)
        return color, round(50 * (_FAINTEST + (self.strongest - _FAINTEST) * strength)) / 50


def draw_grid(chart: Chart, frame: Frame, grid: Grid) -> Iterator[str]:
    """Yield the cells of each shade as one path, and their numbers if there is room."""
    shades, width, height = Shades.of(grid), _cell_width(chart, frame), _cell_height(chart, frame)
    cells = defaultdict(list)
    for top, row in enumerate(grid.rows):
        for left, value in enumerate(row):
            if math.isfinite(value):
                corner = f"M{number(frame.left + left * width)} {number(frame.top + top * height)}"
                cells[shades.shade(value)].append(f"{corner}h{number(width)}v{number(height)}h{number(-width)}z")
    for (color, opacity), paths in cells.items():
        yield f'<path class="s{color} fill" fill-opacity="{opacity:g}" d="{"".join(paths)}"/>'
    if height >= _LOWEST_ROW and _has_texts(grid):
        yield from _draw_numbers(frame, grid, width, height)


def draw_scale(grid: Grid, x: float, y: float) -> Iterator[str]:
    """Yield the swatches that explain the shades, with the smallest and the largest number and what they are.

    Args:
        grid: The grid.
        x: The left edge.
        y: The baseline of the texts.
    """
    shades = Shades.of(grid)
    low, high = show_number(shades.low), show_number(shades.high)
    yield draw_text(x, y, low)
    x += measure(low) + 6
    for step in range(_SWATCHES):
        color, opacity = shades.shade(shades.low + (shades.high - shades.low) * step / (_SWATCHES - 1))
        path = f"M{number(x + step * _SWATCH)} {number(y - 10)}h{_SWATCH}v12h-{_SWATCH}z"
        yield f'<path class="s{color} fill" fill-opacity="{opacity:g}" d="{path}"/>'
    yield draw_text(x + _SWATCHES * _SWATCH + 6, y, f"{high} {grid.name}")


def _draw_numbers(frame: Frame, grid: Grid, width: float, height: float) -> Iterator[str]:
    texts = [[show_number(value) if math.isfinite(value) else "" for value in row] for row in grid.rows]
    if max((measure(text) for row in texts for text in row), default=0.0) > width - 4:
        return
    for top, row in enumerate(texts):
        for left, text in enumerate(row):
            if text:
                x, y = frame.left + (left + 0.5) * width, frame.top + (top + 0.5) * height + 4
                yield draw_text(x, y, text, "middle")


def _has_texts(grid: Grid) -> bool:
    return max(map(len, grid.rows), default=0) <= _MOST_WITH_TEXT


def _cell_width(chart: Chart, frame: Frame) -> float:
    return frame.width / max(len(chart.x.categories), 1)


def _cell_height(chart: Chart, frame: Frame) -> float:
    return frame.height / max(len(chart.y.categories), 1)
