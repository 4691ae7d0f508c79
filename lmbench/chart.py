"""Charts as data: what to draw on a page or in a picture, and the same numbers as a table.

Analyses and exhibits make charts, and `lmbench.report.svg` draws them. The texts of a chart may be raw; displays escape
them. A missing number is NaN, and breaks its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Position = float | str
"""A place on an axis: a number, or the name of a category."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a chart.

    Attributes:
        label: The measured quantity, such as "training text".
        unit: Its unit, such as "bits per byte"; empty if the label says it.
        scale: How positions are placed. A log scale does not show numbers of 0 or below.
        categories: The names along a scale of categories: from left to right, or from top to bottom.
    """

    label: str
    unit: str = ""
    scale: Literal["linear", "log", "categories"] = "linear"
    categories: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The label and the unit, in one text."""
        return " ".join(filter(None, [self.label, f"({self.unit})" if self.label and self.unit else self.unit]))


@dataclass(frozen=True, slots=True)
class Series:
    """Positions that are drawn alike, under one name.

    Attributes:
        name: The name in the legend; empty for none.
        x: The positions along the x axis.
        y: As many positions along the y axis.
        low: The lower ends of intervals, NaN for a missing one; empty if the series has no intervals. They lie along
            the axis of the values: y, or x if the categories are on the y axis.
        high: The upper ends.
    """

    name: str
    x: tuple[Position, ...]
    y: tuple[Position, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Line(Series):
    """A line, with a band if it has intervals.

    Attributes:
        is_dashed: Whether it is something other than a measurement, such as an extrapolation. It has the color of the
            series of the same name, and is gray if there is none.
    """

    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Points(Series):
    """Points, with their intervals as lines.

    Attributes:
        labels: The names of the points; empty if they have none.
    """

    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars(Series):
    """Bars from zero, over categories. They run to the right if the categories are on the y axis."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A number for each pair of a category of the y axis and one of the x axis, shown by color.

    Attributes:
        name: The quantity and its unit.
        rows: A row for each category of y, with a number for each category of x.
    """

    name: str
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A value to compare with, drawn through the whole chart.

    Attributes:
        name: Its name in the legend; empty for none.
        value: Where it is, along the axis of the values.
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of a chart, None for a missing one."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Position | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Attributes:
        title: A few words.
        description: One or two sentences about what the chart shows, for readers who see it and for those who do not.
        x: The axis from left to right.
        y: The axis from the bottom to the top; its categories run from the top.
        series: The series, from back to front; a grid is the only series of its chart.
        levels: Values to compare with.
        is_stacked: Whether bars at the same category are stacked, and not side by side.

    Raises:
        ValueError: The series do not fit each other or the axes.
    """

    title: str
    description: str
    x: Axis
    y: Axis
    series: tuple[Series | Grid, ...]
    levels: tuple[Level, ...] = ()
    is_stacked: bool = False

    def __post_init__(self) -> None:
        for one in self.series:
            if isinstance(one, Grid):
                self._check_grid(one)
            else:
                self._check_series(one)

    @property
    def is_horizontal(self) -> bool:
        """Whether the values run along the x axis, because the categories are on the y axis."""
        return self.y.scale == "categories"

    def tabulate(self) -> Table:
        """Return the numbers of the chart: a row for each position, or for each point if points have names."""
        if self.series and isinstance(self.series[0], Grid):
            return _tabulate_grid(self, self.series[0])
        series = [one for one in self.series if isinstance(one, Series)]
        if any(isinstance(one, Points) and one.labels for one in series) or not all(map(self._is_function, series)):
            return _list_points(self, series)
        return _join_series(self, series)

    def _check_series(self, series: Series) -> None:
        lengths = {len(series.x), len(series.y), len(series.low) or len(series.x), len(series.high) or len(series.x)}
        if isinstance(series, Points) and series.labels:
            lengths.add(len(series.labels))
        if len(lengths) > 1 or bool(series.low) != bool(series.high):
            raise ValueError(f"the series '{series.name}' has positions, intervals or labels of different numbers")
        for axis, positions in ((self.x, series.x), (self.y, series.y)):
            if unknown := [position for position in positions if not _fits(position, axis)]:
                raise ValueError(f"the series '{series.name}' has {unknown[0]!r}, which is not on '{axis.heading}'")
        if isinstance(series, Bars) and "categories" not in (self.x.scale, self.y.scale):
            raise ValueError(f"the bars '{series.name}' need an axis of categories")

    def _check_grid(self, grid: Grid) -> None:
        shape = len(self.y.categories), {len(row) for row in grid.rows} or {len(self.x.categories)}
        if len(self.series) > 1 or shape != (len(grid.rows), {len(self.x.categories)}):
            raise ValueError(f"the grid '{grid.name}' is not alone, or is not as large as the axes of categories")

    def _is_function(self, series: Series) -> bool:
        """Return whether no two values have the same position."""
        positions = series.y if self.is_horizontal else series.x
        return len(set(positions)) == len(positions)


def _fits(position: Position, axis: Axis) -> bool:
    return position in axis.categories if axis.scale == "categories" else not isinstance(position, str)


def _tabulate_grid(chart: Chart, grid: Grid) -> Table:
    rows = zip(chart.y.categories, grid.rows, strict=True)
    return Table(
        (chart.y.heading, *chart.x.categories),
        tuple((name, *map(_entry, numbers)) for name, numbers in rows),
    )


def _join_series(chart: Chart, series: Sequence[Series]) -> Table:
    """Return a row for each position, with the values of all series. Parts of one series have a column together."""
    axis, values = (chart.y, chart.x) if chart.is_horizontal else (chart.x, chart.y)
    columns: list[str] = [axis.heading]
    found: dict[Position, dict[int, Position | None]] = {}
    for one in series:
        positions, numbers = (one.y, one.x) if chart.is_horizontal else (one.x, one.y)
        name = " ".join(filter(None, [one.name or values.heading, "(dashed)" * is_dashed(one)]))
        for heading, column in _columns(one, name, numbers):
            number = columns.index(heading) if heading in columns else len(columns)
            if number == len(columns) or any(number in found.get(position, {}) for position in positions):
                number = len(columns)
                columns.append(heading)
            for position, entry in zip(positions, column, strict=True):
                found.setdefault(position, {})[number] = _entry(entry)
    order = axis.categories.index if axis.scale == "categories" else float
    rows = ((_entry(at), *map(found[at].get, range(1, len(columns)))) for at in sorted(found, key=order))
    return Table(tuple(columns), tuple(rows))


def is_dashed(series: Series | Grid | Level) -> bool:
    """Return whether a series is a dashed line."""
    return isinstance(series, Line) and series.is_dashed


def _columns(series: Series, name: str, values: Sequence[Position]) -> Iterator[tuple[str, Sequence[Position]]]:
    yield name, values
    if series.low:
        yield f"{name}, low", series.low
        yield f"{name}, high", series.high


def _list_points(chart: Chart, series: Sequence[Series]) -> Table:
    """Return a row for each point, with the name of its series."""
    rows = [_describe(one, index) for one in series for index in range(len(one.x))]
    names = ("series", "name", chart.x.heading, chart.y.heading, "low", "high")
    used = [column for column in range(6) if column in (2, 3) or any(row[column] not in ("", None) for row in rows)]
    return Table(tuple(names[column] for column in used), tuple(tuple(row[i] for i in used) for row in rows))


def _describe(series: Series, index: int) -> tuple[Position | None, ...]:
    """Return the names of a point, its positions, and the ends of its interval."""
    label = series.labels[index] if isinstance(series, Points) and series.labels else ""
    interval = (series.low[index], series.high[index]) if series.low else (math.nan, math.nan)
    return tuple(map(_entry, (series.name, label, series.x[index], series.y[index], *interval)))


def _entry(position: Position) -> Position | None:
    """Return a position as an entry of a table: counts as integers, and None for a number that is missing."""
    if isinstance(position, str):
        return position
    if not math.isfinite(position):
        return None
    return int(position) if position == int(position) else float(position)
