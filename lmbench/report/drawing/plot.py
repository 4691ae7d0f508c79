"""A series in its frame: its color, its lane, and the places of its points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.chart import Chart, Position, Series
from lmbench.report.drawing.frame import Frame
from lmbench.report.drawing.lanes import Span, find_lanes, find_spans
from lmbench.report.drawing.style import choose_styles

Pixel = tuple[float, float]

_LANES = 0.8  # of the room of a category is for its series


@dataclass(frozen=True, slots=True)
class Plot:
    """A series in its frame.

    Attributes:
        series: The series.
        frame: Its frame.
        is_horizontal: Whether its values run along the x axis.
        style: The number that chooses color, marker and dashes; None for gray.
        lane_width: The pixels across which its bars are.
        shift: How far its lane is from the middle of a category, in pixels.
        spans: Where its bars begin and end; empty if it has no bars.
    """

    series: Series
    frame: Frame
    is_horizontal: bool
    style: int | None
    lane_width: float
    shift: float
    spans: Sequence[Span]

    @property
    def positions(self) -> Sequence[Position]:
        """The positions of the points along the other axis than that of the values."""
        return self.series.y if self.is_horizontal else self.series.x

    @property
    def values(self) -> Sequence[Position]:
        """The values of the points."""
        return self.series.x if self.is_horizontal else self.series.y

    def find(self, position: Position, value: Position) -> Pixel:
        """Return the place of a value at a position; NaN if it cannot be shown."""
        if self.is_horizontal:
            x, y = self.frame.find(value, position)
            return x, y + self.shift
        x, y = self.frame.find(position, value)
        return x + self.shift, y

    def find_points(self) -> list[Pixel]:
        """Return the places of all points."""
        return [self.find(position, value) for position, value in zip(self.positions, self.values, strict=True)]

    def find_ends(self) -> list[tuple[Pixel, Pixel]]:
        """Return the places of the lower and upper ends of the intervals."""
        return [
            (self.find(position, self.bound(low)), self.find(position, self.bound(high)))
            for position, low, high in zip(self.positions, self.series.low, self.series.high, strict=False)
        ]

    def bound(self, value: float) -> float:
        """Return an end of an interval or bar, or the smallest number of a log scale that cannot show it."""
        scale = self.frame.x if self.is_horizontal else self.frame.y
        return 10**scale.low if scale.axis.scale == "log" and value <= 0 else value


def list_plots(chart: Chart, frame: Frame) -> Iterator[Plot]:
    """Yield the series of a chart in their frame."""
    styles, lanes, spans = choose_styles(chart), find_lanes(chart), find_spans(chart)
    categories, length = (chart.y, frame.height) if chart.is_horizontal else (chart.x, frame.width)
    width = _LANES * length / max(len(categories.categories), 1) / max(len(lanes), 1)
    for order, one in enumerate(chart.series):
        if isinstance(one, Series):
            shift = width * (lanes[order] - (len(lanes) - 1) / 2) if order in lanes else 0.0
            yield Plot(one, frame, chart.is_horizontal, styles[order], width, shift, spans.get(order, ()))
