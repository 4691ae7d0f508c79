import math
from dataclasses import FrozenInstanceError

import pytest

from lmbench.chart import Axis, Bars, Chart, Grid, Level, Line, Points, Table

SIZES = Axis("training text", "bytes", "log")
BITS = Axis("", "bits per byte")
LETTERS = Axis("letter", scale="categories", categories=("b", "a", "c"))


def chart(x, y, *series, **rest):
    return Chart("title", "description", x, y, series, **rest)


def test_axes_have_a_heading_with_their_unit():
    assert [axis.heading for axis in (SIZES, BITS, Axis("position"), Axis(""))] == [
        "training text (bytes)", "bits per byte", "position", "",
    ]  # fmt: skip


def test_series_are_joined_by_their_positions():
    first = Line("first", (100, 10), (2.5, 3.0), (2.4, 2.9), (2.6, math.nan))
    longer = Line("first", (100, 1000), (2.5, 2.0), is_dashed=True)
    assert chart(SIZES, BITS, first, longer).tabulate() == Table(
        ("training text (bytes)", "first", "first, low", "first, high", "first (dashed)"),
        ((10, 3, 2.9, None, None), (100, 2.5, 2.4, 2.6, 2.5), (1000, None, None, None, 2)),
    )


def test_parts_of_a_series_have_a_column_together():
    line, rest = Line("one", ("b", "a"), (1, 2), (0, 1), (3, 3)), Points("one", ("c",), (3,), (2,), (4,))
    assert chart(LETTERS, BITS, line, rest).tabulate() == Table(
        ("letter", "one", "one, low", "one, high"), (("b", 1, 0, 3), ("a", 2, 1, 3), ("c", 3, 2, 4))
    )
    again = Points("one", ("a",), (5,))
    assert chart(LETTERS, BITS, line, again).tabulate().columns == ("letter", "one", "one, low", "one, high", "one")


def test_categories_keep_their_order_and_unnamed_values_have_the_name_of_their_axis():
    assert chart(LETTERS, BITS, Bars("", ("a", "b"), (1.5, 2))).tabulate() == Table(
        ("letter", "bits per byte"), (("b", 2), ("a", 1.5))
    )
    assert chart(BITS, LETTERS, Points("", (1.5,), ("c",))).tabulate().rows == (("c", 1.5),)


def test_named_or_repeated_points_have_a_row_each():
    named = Points("models", (1, 2), (8.0, 4.5), labels=("uniform", "unigram"))
    front = Line("front", (1, 2), (8.0, 4.5))
    assert chart(SIZES, BITS, front, named).tabulate() == Table(
        ("series", "name", "training text (bytes)", "bits per byte"),
        (("front", "", 1, 8), ("front", "", 2, 4.5), ("models", "uniform", 1, 8), ("models", "unigram", 2, 4.5)),
    )
    repeated = Points("", (1, 1), (3, 4), (2, math.nan), (5, math.nan))
    assert chart(SIZES, BITS, repeated).tabulate() == Table(
        ("training text (bytes)", "bits per byte", "low", "high"), ((1, 3, 2, 5), (1, 4, None, None))
    )


def test_a_grid_is_a_table_with_a_row_for_each_category_of_y():
    grid = Grid("bits", ((1, math.nan, -2.5),))
    y = Axis("from", scale="categories", categories=("x",))
    assert chart(LETTERS, y, grid).tabulate() == Table(("from", "b", "a", "c"), (("x", 1, None, -2.5),))


def test_a_chart_without_series_has_a_table_without_rows():
    assert chart(SIZES, BITS).tabulate() == Table(("training text (bytes)",), ())


@pytest.mark.parametrize(
    ("series", "error"),
    [
        (Line("a", (1, 2), (1,)), "'a' has positions, intervals or labels of different numbers"),
        (Line("a", (1,), (1,), low=(1,)), "different numbers"),
        (Points("a", (1,), (1,), labels=("x", "y")), "different numbers"),
        (Line("a", ("b",), (1,)), "'a' has 'b', which is not on 'training text"),
        (Bars("a", (1,), (1,)), "the bars 'a' need an axis of categories"),
        (Grid("a", ((1,),)), "is not alone, or is not as large"),
    ],
)
def test_series_that_do_not_fit_are_refused(series, error):
    with pytest.raises(ValueError, match=error):
        chart(SIZES, BITS, series)


def test_unknown_categories_and_numbers_for_categories_are_refused():
    for position in ("d", 1):
        with pytest.raises(ValueError, match="which is not on 'letter'"):
            chart(LETTERS, BITS, Line("a", (position,), (1,)))


def test_a_grid_has_no_other_series_beside_it():
    with pytest.raises(ValueError, match="not alone"):
        chart(LETTERS, LETTERS, Grid("a", ((0.0,) * 3,) * 3), Grid("b", ((0.0,) * 3,) * 3))


def test_charts_do_not_change():
    with pytest.raises(FrozenInstanceError):
        chart(SIZES, BITS, levels=(Level("gzip", 2.5),)).title = "another"
