"""The names of points, next to them if there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.chart import Points
from lmbench.report.drawing.frame import Frame
from lmbench.report.drawing.plot import Pixel, Plot
from lmbench.report.drawing.texts import SIZE, draw_text, measure, shorten

_MOST = 40  # names; charts with more show them only to those who point at a point
_WIDEST = 150  # pixels
_MARK = 5  # pixels, half a marker and a gap


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle that something occupies."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Return whether the two have points in common."""
        is_beside = self.right <= other.left or other.right <= self.left
        return not is_beside and self.top < other.bottom and other.top < self.bottom

    def lies_in(self, frame: Frame) -> bool:
        """Return whether all of it is in the plot or to the right of it."""
        return frame.left <= self.left and self.right <= frame.right + 10 and frame.top <= self.top


def draw_labels(plots: Sequence[Plot]) -> Iterator[str]:
    """Yield the names of points, each on the first free side of its point; those without a free side are left out."""
    named = [
        (plot, point, label)
        for plot in plots
        if isinstance(plot.series, Points)
        for point, label in zip(plot.find_points(), plot.series.labels, strict=False)
    ]
    if len(named) > _MOST:
        return
    marks = [point for plot in plots if len(plot.positions) <= _MOST for point in plot.find_points()]
    taken = [Box(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in marks]
    for plot, point, label in named:
        text = shorten(label, _WIDEST)
        box = next((box for box in _find_sides(point, text) if _is_free(box, taken, plot.frame)), None)
        if box:
            taken.append(box)
            yield draw_text(box.left, box.bottom - 2, text, "halo", full=label)


def _find_sides(point: Pixel, text: str) -> Iterator[Box]:
    """Yield the places for a text to the right of a point, to the left, above, below, and at its corners."""
    (x, y), width, half = point, measure(text), SIZE / 2
    yield Box(x + _MARK, y - half, x + _MARK + width, y + half)
    yield Box(x - _MARK - width, y - half, x - _MARK, y + half)
    yield Box(x - width / 2, y - _MARK - SIZE, x + width / 2, y - _MARK)
    yield Box(x - width / 2, y + _MARK, x + width / 2, y + _MARK + SIZE)
    for left in (x + half, x - half - width):
        yield Box(left, y - _MARK - SIZE, left + width, y - _MARK)
        yield Box(left, y + _MARK, left + width, y + _MARK + SIZE)


def _is_free(box: Box, taken: Sequence[Box], frame: Frame) -> bool:
    return box.lies_in(frame) and box.bottom <= frame.bottom and not any(map(box.overlaps, taken))
