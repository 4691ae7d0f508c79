"""Where lines, points, bars and levels are drawn, against positions computed by hand."""

import math
import re
from itertools import pairwise

import pytest

from lmbench.chart import Axis, Bars, Chart, Level, Line, Points
from lmbench.report.drawing.frame import arrange
from lmbench.report.drawing.plot import list_plots
from lmbench.report.drawing.series import draw_levels, draw_series

X, Y = Axis("x"), Axis("y")
LETTERS = Axis("", scale="categories", categories=("a", "b"))


def drawn(*series, x=X, y=Y, **rest):
    """Return the frame of a chart, and its elements as one text."""
    chart = Chart("title", "description", x, y, series, **rest)
    frame = arrange(chart, 0, 480)
    elements = [element for plot in list_plots(chart, frame) for element in draw_series(plot)]
    return frame, "".join([*draw_levels(chart, frame), *elements])


def path(kind, text):
    """Return the path of the only element of a class."""
    [found] = re.findall(rf'<path class="{kind}"[^>]* d="([^"]*)"', text)
    return found


def paths(kind, text):
    return re.findall(rf'<path class="{kind}"[^>]* d="([^"]*)"', text)


def numbers(text):
    return [float(match) for match in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_a_line_runs_through_its_points():
    frame, text = drawn(Line("a", (0, 10), (5, 6)))
    margin = 0.04 / 1.08  # of the axis, on each side
    left, right = frame.left + margin * frame.width, frame.right - margin * frame.width
    low, high = frame.bottom - margin * frame.height, frame.top + margin * frame.height
    assert numbers(path("line", text)) == pytest.approx([left, low, right, high], abs=0.06)
    assert text.count('class="mark"') == 2
    assert "<title>a: 10, 6</title>" in text


def test_missing_numbers_break_a_line():
    _, text = drawn(Line("a", (1, 2, 3, 4, 5), (1, 2, math.nan, 4, math.inf)))
    assert [part.count("L") for part in path("line", text).split("M")[1:]] == [1, 0]
    assert path("line", text).endswith("h.01")  # a dot
    assert text.count('class="mark"') == 3


def test_bands_end_where_an_end_is_missing():
    _, text = drawn(Line("a", (1, 2, 3, 4), (1, 2, 3, 4), (0, 1, math.nan, 3), (2, 3, 4, 5)))
    first, second = path("band", text).split("z")[:2]
    assert (first.count("L"), second.count("L")) == (3, 1)


def test_long_lines_keep_the_extremes_of_each_column_of_pixels():
    y = [math.sin(number / 50) for number in range(20_000)]
    y[12_345], y[6_789] = 7, -3
    frame, text = drawn(Line("a", tuple(range(20_000)), tuple(y)))
    heights = numbers(path("line thin", text))[1::2]
    assert len(heights) < 4 * frame.width
    assert min(heights) == pytest.approx(frame.find(0, 7)[1], abs=0.06)
    assert max(heights) == pytest.approx(frame.find(0, -3)[1], abs=0.06)
    assert 4 <= path("mark", text).count("M") <= 8


def test_dashed_lines_have_no_markers():
    _, text = drawn(Line("a", (1, 2), (1, 2), is_dashed=True))
    assert 'stroke-dasharray="4 4"' in text
    assert '<g class="gray">' in text
    assert "mark" not in text


def test_the_ninth_series_has_the_first_color_with_dashes():
    _, text = drawn(*(Line(f"{number}", (1, 2), (number, number)) for number in range(9)))
    assert text.count('<g class="s0">') == 2
    assert text.count("stroke-dasharray") == 1


def test_intervals_run_from_low_to_high():
    frame, text = drawn(Points("a", (1, 2), (5, 6), (4, math.nan), (7, 9)))
    (x, low), (_, high) = frame.find(1, 4), frame.find(1, 7)
    assert numbers(path("interval", text))[:4] == pytest.approx([x, low, x, high], abs=0.06)
    assert path("interval", text).count("L") == 1
    assert numbers(path("interval", text))[4:] == pytest.approx([x - 3, low, 6, x - 3, high, 6], abs=0.06)
    assert "<title>a: 1, 5 [4, 7]</title>" in text


def test_intervals_lie_along_x_if_the_categories_are_on_y():
    frame, text = drawn(Points("a", (1, 2), ("a", "b"), (0, 1), (3, 3)), y=LETTERS)
    (low, y), (high, _) = frame.find(0, "a"), frame.find(3, "a")
    assert numbers(path("interval", text))[:7] == pytest.approx([low, y, high, y, low, y - 3, 6], abs=0.06)
    assert y < frame.find(0, "b")[1]


def test_intervals_that_a_log_scale_does_not_show_end_at_its_edge():
    frame, text = drawn(Points("a", (1,), (10,), (-1,), (100,)), y=Axis("y", scale="log"))
    assert numbers(path("interval", text))[1] == pytest.approx(frame.bottom, abs=0.06)


def test_many_points_are_one_element_and_few_have_labels():
    few = Points("a", (1, 2), (1, 2), labels=("first", "second"))
    assert "<title>a, second: 2, 2</title>" in drawn(few)[1]
    _, text = drawn(Points("a", tuple(range(1000)), tuple(range(1000))))
    assert path("dots", text).count("M") == 1000
    assert len(text) < 20_000


def test_bars_begin_at_zero():
    frame, text = drawn(Bars("a", ("a", "b"), (3, -2)), x=LETTERS)
    up, down = (numbers(bar) for bar in paths("fill", text))
    zero = frame.find("a", 0)[1]
    assert up[1] == pytest.approx(zero, abs=0.06)
    assert up[3] == pytest.approx(frame.find("a", 3)[1] - zero, abs=0.06)
    assert down[3] == pytest.approx(frame.find("a", -2)[1] - zero, abs=0.06)
    assert up[3] < 0 < down[3]


def test_bars_of_two_series_are_side_by_side():
    frame, text = drawn(Bars("first", ("a", "b"), (3, 2)), Bars("second", ("a", "b"), (1, 2)), x=LETTERS)
    bars = sorted((numbers(bar)[0], numbers(bar)[2]) for bar in paths("fill", text))
    assert all(left + width <= after for (left, width), (after, _) in pairwise(bars))
    assert frame.left < bars[0][0]
    assert bars[1][0] < frame.left + frame.width / 2 < bars[2][0]


def test_stacked_bars_begin_where_the_one_before_ends_and_negative_ones_below_zero():
    series = Bars("a", ("a", "b"), (3, -1)), Bars("b", ("a", "b"), (2, -2)), Bars("c", ("a", "b"), (math.nan, 4))
    frame, text = drawn(*series, x=LETTERS, is_stacked=True)
    begins = [numbers(bar)[1] for bar in paths("fill", text)]
    expected = [("a", 0), ("b", 0), ("a", 3), ("b", -1), ("b", 0)]
    assert begins == pytest.approx([frame.find(*place)[1] for place in expected], abs=0.06)
    assert frame.find("a", 5)[1] >= frame.top  # the whole stack is visible
    assert len({numbers(bar)[0] for bar in paths("fill", text)}) == 2
    assert frame.find("b", -3)[1] <= frame.bottom


def test_horizontal_bars_run_to_the_right():
    frame, text = drawn(Bars("a", (3, 2), ("a", "b"), (2, 1), (4, 3)), y=LETTERS)
    first, second = (numbers(bar) for bar in paths("fill", text))
    assert (first[0], second[0]) == (pytest.approx(frame.left, abs=0.06),) * 2
    assert first[2] == pytest.approx(frame.find(3, "a")[0] - frame.left, abs=0.06)
    assert path("over", text)


def test_bars_on_a_log_scale_begin_at_its_edge():
    frame, text = drawn(Bars("a", ("a", "b"), (10, 0)), x=LETTERS, y=Axis("s", scale="log"))
    assert numbers(path("fill", text))[1] == pytest.approx(frame.bottom, abs=0.06)


def test_points_over_categories_are_side_by_side_unless_there_is_a_line():
    series = Points("first", (1,), ("a",)), Points("second", (1,), ("a",))
    heights = [numbers(mark)[1] for mark in paths("mark", drawn(*series, y=LETTERS)[1])]
    assert heights[0] < heights[1]
    heights = [numbers(mark)[1] for mark in paths("mark", drawn(*series, Line("", (2,), ("a",)), y=LETTERS)[1])]
    assert len(set(heights)) == 1


def test_series_that_share_no_category_are_in_the_middle():
    frame, text = drawn(Points("first", (1,), ("a",)), Points("second", (1,), ("b",)), y=LETTERS)
    assert [numbers(mark)[1] for mark in paths("mark", text)] == [
        pytest.approx(frame.find(1, name)[1], abs=0.06) for name in "ab"
    ]
    assert frame.height == 40


def test_levels_cross_the_plot_at_their_value():
    frame, text = drawn(Line("a", (1, 2), (1, 2)), levels=(Level("gzip", 3), Level("", 0)))
    first, second = (numbers(level) for level in paths("level", text))
    assert first == pytest.approx([frame.left, frame.find(1, 3)[1], frame.width], abs=0.06)
    assert second[1] == pytest.approx(frame.find(1, 0)[1], abs=0.06)
    frame, text = drawn(Points("a", (1, 2), ("a", "b")), y=LETTERS, levels=(Level("", 0),))
    assert numbers(path("level", text)) == pytest.approx([frame.find(0, "a")[0], frame.top, frame.height], abs=0.06)


def test_levels_that_a_log_scale_does_not_show_are_left_out():
    assert "level" not in drawn(Line("a", (1, 2), (1, 2)), y=Axis("y", scale="log"), levels=(Level("zero", 0),))[1]
