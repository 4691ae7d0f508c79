"""Lanes: how series over the same categories lie side by side, or on each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from lmbench.chart import Bars, Chart, Line, Points, Position, Series

Span = tuple[float, float]
"""Where a bar begins and ends, along the axis of the values."""


def find_lanes(chart: Chart) -> Mapping[int, int]:
    """Return the lane of each series that has one, by its number in the chart, counted from 0.

    Bars that are not stacked have one lane each. So do points over categories, unless the chart has lines. Series that
    share no category need no lanes.
    """
    if not chart.is_horizontal and chart.x.scale != "categories":
        return {}
    kinds: tuple[type[Series], ...] = (Points, Bars)
    if chart.is_stacked or any(isinstance(one, Line) for one in chart.series):
        kinds = ()
    places = {
        number: set(one.y if chart.is_horizontal else one.x)
        for number, one in enumerate(chart.series)
        if isinstance(one, kinds)
    }
    if len(set().union(*places.values())) == sum(map(len, places.values())):
        return {}
    return {number: lane for lane, number in enumerate(places)}


def find_spans(chart: Chart) -> Mapping[int, Sequence[Span]]:
    """Return where the bars of each series begin and end, by its number in the chart.

    Stacked bars begin where those of the series before end, positive and negative numbers apart.
    """
    ends: defaultdict[tuple[Position, bool], float] = defaultdict(float)
    spans = {}
    for number, one in enumerate(chart.series):
        if isinstance(one, Bars):
            spans[number] = [_extend(ends, place, value, chart.is_stacked) for place, value in _list(chart, one)]
    return spans


def _list(chart: Chart, bars: Bars) -> Sequence[tuple[Position, float]]:
    places, values = (bars.y, bars.x) if chart.is_horizontal else (bars.x, bars.y)
    return [(place, float(value)) for place, value in zip(places, values, strict=True)]


def _extend(ends: defaultdict[tuple[Position, bool], float], place: Position, value: float, is_stacked: bool) -> Span:
    if not is_stacked or not math.isfinite(value):
        return 0.0, value
    begin = ends[place, value < 0]
    ends[place, value < 0] += value
    return begin, begin + value
