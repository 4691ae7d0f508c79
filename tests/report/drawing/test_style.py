"""The colors are checked against the formulas of WCAG 2.2 and the simulations of Machado et al. (2009)."""

import itertools
import re

import numpy as np
import pytest

from lmbench.chart import Axis, Bars, Chart, Line
from lmbench.report.drawing.style import COLORS, DARK, LIGHT, MARKERS, choose_styles, file_style, page_style

# https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html, severity 1.0
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]
    ],
}  # fmt: skip
# https://bottosson.github.io/posts/oklab/
TO_CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
TO_OKLAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def linear(color):
    channels = np.array([int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    low, high = sorted(linear(color) @ [0.2126, 0.7152, 0.0722] for color in (first, second))
    return (high + 0.05) / (low + 0.05)


def oklab(channels):
    return np.array(TO_OKLAB) @ np.cbrt(np.array(TO_CONES) @ np.clip(channels, 0, 1))


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_colors_stand_out_from_the_background(scheme):
    assert all(contrast(scheme[f"{number}"], scheme["paper"]) >= 3 for number in range(COLORS))
    assert all(contrast(scheme[name], scheme["paper"]) >= 4.5 for name in ("ink", "quiet"))


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("vision", VISION)
def test_colors_stay_apart_for_all_readers(scheme, vision):
    seen = [oklab(np.array(VISION[vision]) @ linear(scheme[f"{number}"])) for number in range(COLORS)]
    assert min(np.linalg.norm(first - second) for first, second in itertools.combinations(seen, 2)) > 0.1


def test_each_color_has_a_marker_of_its_own():
    assert len(set(MARKERS)) == len(MARKERS) == COLORS


def test_files_have_colors_instead_of_variables():
    assert "var(" not in file_style()
    assert f"color:{LIGHT['0']}" in file_style()
    used = set(re.findall(r"var\(--chart-(\w+)\)", page_style()))
    assert used == set(LIGHT) == set(DARK)


def test_series_of_one_name_look_alike_and_dashed_ones_of_their_own_are_gray():
    series = (
        Line("a", (1,), (1,)),
        Line("diagonal", (1,), (1,), is_dashed=True),
        Line("b", (1,), (1,)),
        Line("a", (1,), (1,), is_dashed=True),
        Line("", (1,), (1,)),
        Line("", (1,), (1,)),
    )
    assert choose_styles(Chart("t", "d", Axis("x"), Axis("y"), series)) == [0, None, 1, 0, 2, 3]


def test_a_series_without_a_name_does_not_look_like_one_whose_name_is_a_number():
    series = (Line("1", (1,), (1,)), Line("", (1,), (1,)))
    assert choose_styles(Chart("t", "d", Axis("x"), Axis("y"), series)) == [0, 1]


def test_bars_have_styles_too():
    x = Axis("x", scale="categories", categories=("c",))
    assert choose_styles(Chart("t", "d", x, Axis("y"), (Bars("a", ("c",), (1,)),))) == [0]
