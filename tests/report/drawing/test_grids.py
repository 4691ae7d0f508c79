import math
import re

import pytest

from lmbench.chart import Axis, Chart, Grid
from lmbench.report.drawing.frame import arrange
from lmbench.report.drawing.grids import Shades, draw_grid, draw_scale


def drawn(rows):
    x = Axis("to", scale="categories", categories=tuple(f"{number}" for number in range(len(rows[0]))))
    y = Axis("from", scale="categories", categories=tuple(f"{number}" for number in range(len(rows))))
    grid = Grid("probability", rows)
    chart = Chart("title", "description", x, y, (grid,))
    return "".join(draw_grid(chart, arrange(chart, 0, 480), grid))


def test_larger_numbers_are_stronger():
    shades = Shades.of(Grid("p", ((0.0, 0.5, 1.0),)))
    opacities = [shades.shade(value) for value in (0.0, 0.5, 1.0)]
    assert [color for color, _ in opacities] == [0, 0, 0]
    assert [opacity for _, opacity in opacities] == [pytest.approx(value, abs=0.02) for value in (0.06, 0.28, 0.5)]


def test_negative_and_positive_numbers_have_two_colors_of_the_same_strength():
    shades = Shades.of(Grid("difference", ((-4.0, 0.0, 1.0),)))
    assert shades.shade(-2)[0] == 1
    assert shades.shade(2)[0] == 0
    assert shades.shade(-2)[1] == shades.shade(2)[1]
    assert (shades.shade(0), shades.shade(-4)) == ((0, 0.06), (1, 0.5))


def test_equal_numbers_are_drawn_and_missing_ones_are_not():
    assert Shades.of(Grid("p", ((2.0, 2.0),))).shade(2.0) == (0, 0.06)
    assert Shades.of(Grid("p", ((math.nan, math.inf),))) == Shades(0.0, 0.0, 0.5)
    assert "".join(re.findall(r'd="([^"]*)"', drawn(((math.nan, 1.0),)))).count("M") == 1


def test_cells_of_the_same_shade_are_one_element():
    text = drawn(((0.0, 1.0), (1.0, 0.0)))
    assert [path.count("M") for path in re.findall(r'd="([^"]*)"', text)] == [2, 2]


def test_small_grids_show_their_numbers_and_large_ones_the_full_range_of_shades():
    assert ">0.25</text>" in drawn(((0.25, 1.0),))
    large = drawn(((0.0, 1.0) * 20,) * 30)
    assert "<text" not in large
    assert 'fill-opacity="1"' in large


def test_numbers_without_room_are_left_out():
    assert "<text" not in drawn(((-1.2345e-12,) * 12,))


def test_the_scale_names_both_ends():
    text = "".join(draw_scale(Grid("probability", ((1e-9, 0.5),)), 0, 10))
    assert re.sub(r"<[^>]*>", "", text) == "10−90.5 probability"
    assert text.count("<path") == 5
