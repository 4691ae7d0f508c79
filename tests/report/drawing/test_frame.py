import pytest

from lmbench.chart import Axis, Chart, Grid, Level, Line, Points
from lmbench.report.drawing.frame import arrange
from lmbench.report.drawing.texts import measure


def frame_of(x, y, *series, width=480, **rest):
    return arrange(Chart("title", "description", x, y, series, **rest), 0, width)


def categories(*names):
    return Axis("category", scale="categories", categories=names)


def over(*names):
    return frame_of(categories(*names), Axis("y"), Line("a", names, tuple(range(len(names)))))


def test_labels_below_the_plot_are_level_slanted_or_vertical_as_their_room_allows():
    assert over("0", "1", "2–5").slant == 0
    assert over(*(f"state {number}: the of" for number in range(12))).slant == 40
    assert over(*(f"state {number}: the of" for number in range(30))).slant == 90


def test_all_labels_are_shown_if_they_have_room_and_else_some():
    assert len(over(*(f"state {number}: the of" for number in range(30))).x_ticks) == 30
    ticks = over(*map(str, range(200))).x_ticks
    assert 5 < len(ticks) < 20
    assert ticks[0].label == "0"


def test_the_plot_and_its_labels_are_within_the_picture():
    long = "transformer:layers=4,width=256,context=512,dropout=0.1"
    frame = frame_of(Axis("x"), categories("uniform", long), Points("a", (1, 2), ("uniform", long)))
    assert 150 < frame.left < 0.45 * 480
    assert frame.right < 480
    assert measure("uniform") < frame.left


def test_rows_have_room_for_all_their_series():
    one = frame_of(Axis("x"), categories("a", "b"), Points("1", (1,), ("a",)))
    three = frame_of(Axis("x"), categories("a", "b"), *(Points(f"{number}", (1,), ("a",)) for number in range(3)))
    assert one.height == 40
    assert three.height > one.height


def test_everything_is_in_the_range():
    series = Line("a", (1, 2), (5, 6), (4, 5), (7, 9))
    frame = frame_of(Axis("x"), Axis("y"), series, levels=(Level("gzip", 12),))
    for value in (4, 9, 12):
        assert frame.top < frame.find(1, value)[1] < frame.bottom


def test_grids_are_no_taller_than_a_page():
    names = tuple(map(str, range(64)))
    rows = ((0.0,) * 64,) * 64
    assert frame_of(categories(*names), categories(*names), Grid("p", rows)).height <= 640
    few = frame_of(categories("a"), categories("a", "b"), Grid("p", ((0.0,), (1.0,))))
    assert few.height == 40


def test_a_chart_without_data_is_low():
    assert frame_of(Axis("x"), Axis("y")).height < 100
    assert frame_of(Axis("x"), Axis("y"), Line("a", (1,), (1,)), width=900).height == 300


@pytest.mark.parametrize("label", ["", "x" * 500])
def test_the_heading_of_x_is_below_the_labels(label):
    frame = frame_of(Axis(label), Axis("y"), Line("a", (1, 2), (1, 2)))
    assert frame.end - frame.bottom > (30 if label else 15)
    text = "".join(frame.draw_axes())
    assert ("middle quiet" in text) == bool(label)
