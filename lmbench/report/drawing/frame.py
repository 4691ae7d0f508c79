"""The frame of a chart: the place of its plot, and its two axes with their ticks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.chart import Bars, Chart, Grid, Position, Series
from lmbench.report.drawing.lanes import find_lanes, find_spans
from lmbench.report.drawing.scales import Scale, Tick, fit_scale
from lmbench.report.drawing.texts import SIZE, draw_text, measure, number, shorten

LINE = 16
"""The height of a line of text, in pixels."""

_GAP = 6  # pixels between a label and the plot
_RIGHT = 14  # pixels to the right of the plot
_EMPTY = 60  # pixels, of a plot without data
_TALLEST = 300  # pixels, of a plot with numbers on its y axis
_ROW = 20  # pixels, of a category on the y axis
_LANE = 10  # pixels, for each series but the first
_CLOSEST = 13  # pixels between labels below each other
_CLOSEST_SLANTED = 19  # pixels between slanted labels
_SHORT = 36  # pixels, of labels that are never slanted
_TALLEST_GRID = 640
_LONGEST = 0.42  # of the width, the labels to the left of the plot
_LONGEST_SLANTED = 120  # pixels, of a label below the plot
_SLANT = 40  # degrees


@dataclass(frozen=True, slots=True)
class Frame:
    """The place of a plot, in pixels, with its scales and ticks.

    Attributes:
        left: The left edge of the plot.
        top: Its upper edge.
        width: Its width.
        height: Its height.
        x: The scale from left to right.
        y: The scale from the bottom to the top, or from the top for categories.
        x_ticks: The ticks below the plot.
        y_ticks: The ticks to the left.
        slant: The angle of the labels below the plot, in degrees; 0 if they fit into one line.
    """

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    slant: int

    @property
    def right(self) -> float:
        """The right edge of the plot."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge of the plot."""
        return self.top + self.height

    @property
    def end(self) -> float:
        """The lower edge of all that is drawn below the plot."""
        longest = _find_longest(self.x_ticks, _LONGEST_SLANTED)
        labels = longest * math.sin(math.radians(self.slant)) + SIZE if self.slant else LINE
        return self.bottom + _GAP + labels + (LINE if self.x.axis.heading else 0)

    def find(self, x: Position, y: Position) -> tuple[float, float]:
        """Return the place of a point in pixels; NaN if an axis cannot show it."""
        return self.left + self.width * self.x.place(x), self._place_y(self.y.place(y))

    def draw_axes(self) -> Iterator[str]:
        """Yield the lines and the texts of both axes."""
        yield f'<path class="rule" d="{self._find_rules()}"/>'
        for tick in self.y_ticks:
            y, room = self._place_y(tick.fraction) + 4, self.left - _GAP
            yield draw_text(room, y, shorten(tick.label, room + 1), "end", tick.label)
        yield from self._draw_slanted() if self.slant else self._draw_level()
        if self.x.axis.heading:
            heading = shorten(self.x.axis.heading, self.right)
            half = measure(heading) / 2
            x = min(max(self.left + self.width / 2, half), self.right - half)
            yield draw_text(x, self.end - 4, heading, "middle quiet", self.x.axis.heading)

    def _find_rules(self) -> str:
        """Return the lines through the plot at all ticks but categories, and the one below it."""
        across = "".join(
            f"M{number(self.left)} {number(self._place_y(tick.fraction))}h{number(self.width)}"
            for tick in self.y_ticks
            if self.y.axis.scale != "categories"
        )
        down = "".join(
            f"M{number(self.left + self.width * tick.fraction)} {number(self.top)}v{number(self.height)}"
            for tick in self.x_ticks
            if self.x.axis.scale != "categories"
        )
        return f"{across}{down}M{number(self.left)} {number(self.bottom)}h{number(self.width)}"

    def _draw_level(self) -> Iterator[str]:
        for tick in self.x_ticks:
            x = self.left + self.width * tick.fraction
            yield draw_text(x, self.bottom + _GAP + SIZE - 2, tick.label, "middle")

    def _draw_slanted(self) -> Iterator[str]:
        for tick in self.x_ticks:
            x, y = (
                self.left + self.width * tick.fraction + 4,
                self.bottom + _GAP + (0 if self.slant == 90 else SIZE - 4),
            )
            label = draw_text(0, 0, shorten(tick.label, _LONGEST_SLANTED), "end", tick.label)
            yield f'<g transform="translate({number(x)} {number(y)}) rotate({-self.slant})">{label}</g>'

    def _place_y(self, fraction: float) -> float:
        return self.top + self.height * (fraction if self.y.axis.scale == "categories" else 1 - fraction)


def arrange(chart: Chart, top: float, width: float) -> Frame:
    """Return the frame of a chart.

    Args:
        chart: The chart.
        top: The upper edge of the plot, in pixels.
        width: The width of the whole picture.
    """
    x, y = _fit_scales(chart)
    height = _EMPTY if x.is_empty or y.is_empty else _choose_height(chart, width)
    y_ticks = _thin_out(y.find_ticks(max(int(height / 45), 2)), height, _CLOSEST)
    left = _find_longest(y_ticks, _LONGEST * width) + _GAP
    x_ticks, slant = _choose_x_ticks(x, width - left - _RIGHT)
    if slant:
        reach = _find_longest(x_ticks[:1], _LONGEST_SLANTED) * math.cos(math.radians(slant))
        left = max(left, reach + _GAP)
        x_ticks, slant = _choose_x_ticks(x, width - left - _RIGHT)
    return Frame(left, top, width - left - _RIGHT, height, x, y, x_ticks, y_ticks, slant)


def _fit_scales(chart: Chart) -> tuple[Scale, Scale]:
    """Return the scales of x and y that show all series, their intervals, and the levels."""
    series = [one for one in chart.series if isinstance(one, Series)]
    intervals: list[Position] = [end for one in series for end in (*one.low, *one.high)]
    intervals += [level.value for level in chart.levels]
    intervals += [end for spans in find_spans(chart).values() for span in spans for end in span]
    x: list[Position] = [position for one in series for position in one.x]
    y: list[Position] = [position for one in series for position in one.y]
    has_bars = any(isinstance(one, Bars) for one in series)
    if chart.is_horizontal:
        return fit_scale(chart.x, [*x, *intervals], has_bars), fit_scale(chart.y, y)
    return fit_scale(chart.x, x), fit_scale(chart.y, [*y, *intervals], has_bars)


def _choose_height(chart: Chart, width: float) -> float:
    if not chart.is_horizontal:
        return min(width / 2, _TALLEST)
    rows = max(len(chart.y.categories), 1)
    if any(isinstance(one, Grid) for one in chart.series):
        return min(rows * _ROW, max(_TALLEST_GRID, rows * 2.0))
    return rows * (_ROW + _LANE * max(len(find_lanes(chart)) - 1, 0))


def _choose_x_ticks(scale: Scale, width: float) -> tuple[Sequence[Tick], int]:
    """Return the ticks below a plot of this width, and the angle of their labels."""
    if scale.axis.scale == "categories":
        return _choose_categories(scale.find_ticks(0), width)
    for most in (6, 4, 3):
        ticks = scale.find_ticks(most)
        if sum(measure(tick.label) + LINE for tick in ticks) <= width:
            return ticks, 0
    return ticks, 0


def _choose_categories(ticks: Sequence[Tick], width: float) -> tuple[Sequence[Tick], int]:
    """Return the labels that fit, all of them if possible: in one line, slanted or vertical."""
    longest, room = _find_longest(ticks, width), width / max(len(ticks), 1)
    if longest <= room - 4:
        return ticks, 0
    if longest <= _SHORT:
        return _thin_out(ticks, width, longest + 4), 0
    return (ticks, _SLANT) if room >= _CLOSEST_SLANTED else (_thin_out(ticks, width, _CLOSEST), 90)


def _thin_out(ticks: Sequence[Tick], length: float, closest: float) -> Sequence[Tick]:
    """Return every tick, or every second, third, … one, so that they are at least this far apart."""
    return ticks[:: math.ceil(closest * len(ticks) / length)] if ticks else ticks


def _find_longest(ticks: Sequence[Tick], most: float) -> float:
    """Return the width of the longest label, which is shortened to at most this."""
    return min(max((measure(tick.label) for tick in ticks), default=0.0), most)
