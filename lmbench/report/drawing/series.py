"""Lines, points, bars and levels as SVG elements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from lmbench.chart import Bars, Chart, Line, Points, Position, Series
from lmbench.report.drawing.frame import Frame
from lmbench.report.drawing.plot import Pixel, Plot
from lmbench.report.drawing.scales import show_number
from lmbench.report.drawing.style import COLORS, DASHES, EXTRAPOLATED, MARKERS, name_class
from lmbench.report.drawing.texts import draw_title, number

_MOST_NAMED = 60  # points of a series that say their numbers
_MOST_MARKED = 30  # points of a line that are all marked; longer lines have a few marks
_FEW = 6
_DENSE = 500  # points of a line; more are thinned out
_CAP = 3  # pixels, half the line across the end of an interval


def draw_series(plot: Plot) -> Iterator[str]:
    """Yield the elements of a series, in its color."""
    yield f'<g class="{name_class(plot.style)}">'
    if isinstance(plot.series, Line):
        yield from _draw_line(plot, plot.series)
    elif isinstance(plot.series, Bars):
        yield from _draw_bars(plot)
    else:
        yield from _draw_points(plot)
    yield "</g>"


def draw_levels(chart: Chart, frame: Frame) -> Iterator[str]:
    """Yield the lines of the levels, those outside a log scale left out."""
    for order, level in enumerate(chart.levels):
        scale = frame.x if chart.is_horizontal else frame.y
        if math.isnan(fraction := scale.place(level.value)):
            continue
        across = f"M{number(frame.left)} {number(frame.bottom - fraction * frame.height)}h{number(frame.width)}"
        down = f"M{number(frame.left + fraction * frame.width)} {number(frame.top)}v{number(frame.height)}"
        yield f'<path class="level"{dash_level(order)} d="{down if chart.is_horizontal else across}"/>'


def dash_line(style: int | None, line: Line) -> str:
    """Return the attribute with the dashes of a line."""
    dashes = EXTRAPOLATED if line.is_dashed else DASHES[(style or 0) // COLORS % len(DASHES)]
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def dash_level(order: int) -> str:
    """Return the attribute with the dashes of a level."""
    return f' stroke-dasharray="{DASHES[1 + order % (len(DASHES) - 1)]}"'


def _draw_line(plot: Plot, line: Line) -> Iterator[str]:
    if line.low:
        yield f'<path class="band" d="{"".join(_find_bands(plot))}"/>'
    points = plot.find_points()
    path = "".join(_join(_thin_out(run)) for run in _split(points))
    kind = "line thin" if len(points) > _DENSE else "line"
    yield f'<path class="{kind}"{dash_line(plot.style, line)} d="{path}"/>'
    if line.is_dashed:
        return
    if len(points) <= _MOST_MARKED:
        yield from _draw_named(plot, points)
    else:
        every = len(points) // _FEW
        shown = filter(_is_shown, points[(plot.style or 0) % every :: every])
        yield f'<path class="mark" d="{"".join(draw_marker(plot.style, point) for point in shown)}"/>'


def _draw_points(plot: Plot) -> Iterator[str]:
    points = plot.find_points()
    if plot.series.low:
        yield f'<path class="interval" d="{"".join(_find_intervals(plot))}"/>'
    if len(points) > _MOST_NAMED:
        path = "".join(f"M{number(x)} {number(y)}h.01" for x, y in filter(_is_shown, points))
        yield f'<path class="dots" d="{path}"/>'
    else:
        yield from _draw_named(plot, points)


def _draw_bars(plot: Plot) -> Iterator[str]:
    for index, (position, (begin, end)) in enumerate(zip(plot.positions, plot.spans, strict=True)):
        corners = plot.find(position, plot.bound(begin)), plot.find(position, end)
        if all(map(_is_shown, corners)):
            yield f'<path class="fill" d="{_find_bar(plot, *corners)}">{draw_title(_name(plot.series, index))}</path>'
    if plot.series.low:
        yield f'<path class="over" d="{"".join(_find_intervals(plot))}"/>'


def _find_bar(plot: Plot, begin: Pixel, end: Pixel) -> str:
    (x, y), width, height = begin, end[0] - begin[0], end[1] - begin[1]
    half = plot.lane_width / 2 - (0.5 if plot.lane_width > 4 else 0)
    if plot.is_horizontal:
        return f"M{number(x)} {number(y - half)}h{number(width)}v{number(2 * half)}h{number(-width)}z"
    return f"M{number(x - half)} {number(y)}h{number(2 * half)}v{number(height)}h{number(-2 * half)}z"


def _draw_named(plot: Plot, points: Sequence[Pixel]) -> Iterator[str]:
    """Yield a marker for each point, with its numbers for those who point at it."""
    for index, point in enumerate(points):
        if _is_shown(point):
            title = draw_title(_name(plot.series, index))
            yield f'<path class="mark" d="{draw_marker(plot.style, point)}">{title}</path>'


def draw_marker(style: int | None, point: Pixel) -> str:
    """Return the path of a marker at a point."""
    return f"M{number(point[0])} {number(point[1])}{MARKERS[(style or 0) % len(MARKERS)]}"


def _name(series: Series, index: int) -> str:
    """Return the name and the numbers of a point."""
    label = series.labels[index] if isinstance(series, Points) and series.labels else ""
    names = ", ".join(filter(None, [series.name, label]))
    numbers = ", ".join(map(_show, (series.x[index], series.y[index])))
    interval = f" [{_show(series.low[index])}, {_show(series.high[index])}]" if series.low else ""
    return f"{names}: {numbers}{interval}" if names else f"{numbers}{interval}"


def _show(position: Position) -> str:
    return position if isinstance(position, str) else show_number(position)


def _find_intervals(plot: Plot) -> Iterator[str]:
    """Yield the lines from the lower to the upper ends, with a short line across each end."""
    across = f"v{_CAP * 2}" if plot.is_horizontal else f"h{_CAP * 2}"
    back_x, back_y = (0, _CAP) if plot.is_horizontal else (_CAP, 0)
    for low, high in plot.find_ends():
        if _is_shown(low) and _is_shown(high):
            yield f"M{number(low[0])} {number(low[1])}L{number(high[0])} {number(high[1])}"
            for x, y in (low, high):
                yield f"M{number(x - back_x)} {number(y - back_y)}{across}"


def _find_bands(plot: Plot) -> Iterator[str]:
    """Yield the outline of each part of a band between missing ends."""
    for is_shown, run in groupby(plot.find_ends(), lambda pair: _is_shown(pair[0]) and _is_shown(pair[1])):
        if is_shown:
            lows, highs = zip(*run, strict=True)
            yield f"{_join([*_thin_out(lows), *reversed(list(_thin_out(highs)))])}z"


def _split(points: Sequence[Pixel]) -> Iterator[list[Pixel]]:
    """Yield the runs of points that can be shown."""
    for is_shown, run in groupby(points, _is_shown):
        if is_shown:
            yield list(run)


def _thin_out(points: Sequence[Pixel]) -> Iterator[Pixel]:
    """Yield the points of a line; of many points in a column of pixels, its first, last, lowest and highest one."""
    if len(points) <= _DENSE:
        yield from points
        return
    for _, run in groupby(points, lambda point: round(point[0])):
        column = list(run)
        heights = [y for _, y in column]
        kept = {0, len(column) - 1, heights.index(min(heights)), heights.index(max(heights))}
        yield from (column[index] for index in sorted(kept))


def _join(points: Iterator[Pixel] | Sequence[Pixel]) -> str:
    """Return the path through some points; a single one is a dot."""
    path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return path if "L" in path else f"{path}h.01"


def _is_shown(point: Pixel) -> bool:
    return not math.isnan(point[0] + point[1])
