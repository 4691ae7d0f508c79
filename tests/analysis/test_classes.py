"""Bits of classes of words, by hand."""

import math

import numpy as np
import pytest

from lmbench.analysis.classes import Classes, ClassPicture, draw_classes, sum_classes
from lmbench.analysis.words import align_to_words
from lmbench.chart import Line, Points
from lmbench.statistics import estimate_sums
from tests.analysis.scored import align_events, corpus


def test_steps_have_names_and_special_classes_come_last():
    classes = Classes.of_steps(
        np.array([0, 1, 2, 5, 6, 999, 1000, 1001, 3]), (0, 1, 5, 1000), {"line end": np.arange(9) == 8}
    )
    assert classes.names == ("0", "1", "2–5", "6–1,000", "over 1,000", "line end")
    assert classes.numbers.tolist() == [0, 1, 2, 2, 3, 3, 3, 4, 5]


def test_names_are_ordered_by_frequency_and_line_ends_are_last():
    classes = Classes.of_names(["line end", "b", "a", "line end", "a", "line end"])
    assert classes.names == ("a", "b", "line end")
    assert classes.numbers.tolist() == [2, 1, 0, 2, 0, 2]


@pytest.fixture
def rows():
    """Return "a b c d" twelve times, of which one model joins the words "a b" in the last document."""
    events = [[(1, 1), (2, 2), (2, 4), (2, 8)]] * 11
    joined = [*events, [(3, 3), (2, 4), (2, 8)]]
    other = [[(1, 2), (2, 2), (2, 2), (2, 2 + number % 2)] for number in range(12)]
    return align_to_words(align_events(corpus(*["a b c d"] * 12), one=joined, other=other))


def test_classes_sum_to_the_bits_of_the_model(rows):
    frame = sum_classes(rows, Classes(("x", "y"), np.tile([0, 1, 0, 0], 12)))
    one, other = (frame[frame["model"] == model].set_index("class") for model in ("one", "other"))
    assert one["words"].to_dict() == {"x": 11 * 3 + 2, "y": 11, "several": 2}
    assert one["bits"].to_dict() == {"x": 11 * 13 + 12, "y": 22, "several": 3}
    assert other["bits"].to_dict() == {"x": 6 * 6 + 5 * 7 + 5, "y": 22, "several": 4}
    for row, part in zip(rows.text.bits, (one, other), strict=True):
        assert part["bits"].sum() == pytest.approx(row.sum(), rel=1e-12)
        assert part["share"].sum() == pytest.approx(1)
        assert part["bits_per_byte"].sum() == pytest.approx(row.sum() / (12 * 7))


def test_words_of_one_class_keep_it_if_they_are_joined(rows):
    frame = sum_classes(rows, Classes(("x", "y"), np.tile([0, 0, 1, 1], 12)))
    assert frame[frame["model"] == "one"].set_index("class")["bits"].to_dict() == {"x": 36, "y": 144}


def test_intervals_are_those_of_the_documents(rows):
    frame = sum_classes(rows, Classes(("x", "y"), np.tile([0, 0, 0, 1], 12))).set_index(["class", "model"])
    bits = np.array([[2.0 + number % 2 for number in range(12)]])
    [expected] = estimate_sums(bits, np.ones(12))
    found = frame.loc["y", "other"]
    assert (found["bits_per_word"], found["low"], found["high"]) == (expected.value, expected.low, expected.high)
    [expected] = estimate_sums(bits - 8, np.ones(12))
    assert found["difference"] == expected.value == -5.5
    assert (found["difference_low"], found["difference_high"]) == (expected.low, expected.high)


def test_a_chart_has_a_series_for_each_model(rows):
    frame = sum_classes(rows, Classes(("x", "y"), np.tile([0, 1, 0, 0], 12)))
    chart = draw_classes(frame, ClassPicture("Title", "About it.", "letter"))
    assert [(type(series), series.name) for series in chart.series] == [(Points, "one"), (Points, "other")]
    assert chart.x.categories == ("x", "y", "several")
    assert chart.description == "About it. 'several' are words of different classes that an event of some model joins."
    assert chart.y.scale == "log"
    assert chart.series[0].y[1] == 2.0


def test_lines_connect_the_steps_of_a_scale_alone(rows):
    frame = sum_classes(rows, Classes(("1", "2", "line end"), np.tile([0, 1, 1, 2], 12)))
    chart = draw_classes(frame, ClassPicture("Title", "About it.", "place", ("line end",), "linear"))
    assert chart.y.scale == "linear"
    line, points, *_ = chart.series
    assert (type(line), line.x) == (Line, ("1", "2"))
    assert (type(points), points.x) == (Points, ("line end", "several"))
    assert line.name == points.name == "one"


def test_a_single_document_has_no_interval():
    rows = align_to_words(align_events(corpus("a b"), one=[[(1, 1), (2, 2)]]))
    frame = sum_classes(rows, Classes(("x",), np.array([0, 0])))
    chart = draw_classes(frame, ClassPicture("Title", "About it.", "letter"))
    assert math.isnan(chart.series[0].low[0])


def test_an_interval_that_reaches_below_0_is_not_drawn(rows):
    frame = sum_classes(rows, Classes(("x", "y"), np.tile([0, 1, 0, 0], 12)))
    frame.loc[0, ["low", "high"]] = -300.0, 400.0
    [series, _] = draw_classes(frame, ClassPicture("Title", "About it.", "letter")).series
    assert [math.isnan(end) for end in (*series.low, *series.high)] == [True, False, True] * 2
