import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmbench.chart import Axis
from lmbench.report.drawing.scales import fit_scale, show_number

DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
NUMBERS = st.floats(1e-9, 1e12)


def fit(kind, *positions, has_zero=False):
    return fit_scale(Axis("x", scale=kind), positions, has_zero)


def labels(scale, most=6):
    return [tick.label for tick in scale.find_ticks(most)]


def read(label):
    """Return the number that a label shows."""
    digits, raised = re.fullmatch(r"([^⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)(.*)", label.replace(",", "")).groups()
    if not raised:
        return float(digits.translate(DIGITS))
    mantissa = digits.removesuffix("10").removesuffix("×").translate(DIGITS)
    return float({"": "1", "-": "-1"}.get(mantissa, mantissa)) * 10.0 ** int(raised.translate(DIGITS))


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (fit("linear", 0, 10), ["0", "2", "4", "6", "8", "10"]),
        (fit("linear", 1.5, 2.4), ["1.6", "1.8", "2.0", "2.2", "2.4"]),
        (fit("linear", -3, 2), ["−3", "−2", "−1", "0", "1", "2"]),
        (fit("linear", 0, 5e6), ["0", "10⁶", "2×10⁶", "3×10⁶", "4×10⁶", "5×10⁶"]),
        (fit("linear", -1e-9, 1e-9), ["−1.0×10⁻⁹", "−0.5×10⁻⁹", "0", "0.5×10⁻⁹", "1.0×10⁻⁹"]),
        (fit("linear", 100_000, 300_000), ["100,000", "150,000", "200,000", "250,000", "300,000"]),
        (fit("log", 1, 10_000), ["1", "10", "100", "1,000", "10,000"]),
        (fit("log", 1e-9, 1e12), ["10⁻⁹", "10⁻⁵", "10⁻¹", "10³", "10⁷", "10¹¹"]),
        (fit("log", 3, 300), ["5", "10", "20", "50", "100", "200"]),
        (fit("log", 900, 1100), ["900", "950", "1,000", "1,050", "1,100"]),
    ],
)
def test_ticks_are_round_numbers(scale, expected):
    assert labels(scale) == expected


@given(st.sampled_from(["linear", "log"]), NUMBERS, NUMBERS, st.integers(3, 8))
@example("linear", 1e-9, 1e12, 6)
@example("log", 1e12, 1e12, 6)
def test_labels_say_where_their_ticks_are(kind, first, second, most):
    scale = fit(kind, first, second)
    ticks = scale.find_ticks(most)
    assert 1 <= len(ticks) <= 3 * most
    assert len({tick.label for tick in ticks}) == len(ticks)
    for tick in ticks:
        assert -1e-9 <= tick.fraction <= 1 + 1e-9
        assert scale.place(read(tick.label)) == pytest.approx(tick.fraction, abs=1e-3)


@given(st.sampled_from(["linear", "log"]), st.lists(NUMBERS, min_size=1, max_size=5))
def test_all_positions_are_within_the_axis(kind, numbers):
    scale = fit(kind, *numbers)
    assert all(0 <= scale.place(number) <= 1 for number in numbers)


def test_numbers_that_cannot_be_shown_have_no_place():
    linear, log = fit("linear", 1, 2, math.nan, math.inf), fit("log", 1, 100, 0, -5)
    assert all(math.isnan(linear.place(number)) for number in (math.nan, math.inf, -math.inf, 1e301))
    assert all(math.isnan(log.place(number)) for number in (0, -5, math.nan, math.inf))
    assert (labels(linear)[0], labels(log)) == ("1.0", ["1", "10", "100"])


@pytest.mark.parametrize("kind", ["linear", "log"])
@pytest.mark.parametrize("other", [1.0, 1.0 + 2**-52, 1.0 + 1e-12])
def test_numbers_that_are_almost_equal_have_an_axis_with_round_numbers(kind, other):
    scale = fit(kind, 1.0, other)
    assert 3 <= len(labels(scale)) <= 9
    assert all(len(label) <= 6 for label in labels(scale))
    assert scale.place(1.0) == pytest.approx(0.5, abs=0.01)


def test_a_log_scale_places_equal_ratios_at_equal_distances():
    scale = fit("log", 1, 100)
    assert scale.place(10) == pytest.approx(0.5)
    assert scale.place(100) - scale.place(10) == pytest.approx(scale.place(10) - scale.place(1))


def test_bars_begin_at_the_edge():
    assert fit("linear", 3, 5, has_zero=True).place(0) == 0
    assert fit("linear", -3, -5, has_zero=True).place(0) == 1
    assert 0 < fit("linear", -3, 5, has_zero=True).place(0) < 1


def test_a_scale_without_numbers_is_empty():
    for scale in (fit("linear"), fit("log", 0), fit_scale(Axis("x", scale="categories"), ())):
        assert scale.is_empty
        assert labels(scale) == []


def test_categories_have_equal_room_even_if_two_have_the_same_name():
    scale = fit_scale(Axis("x", scale="categories", categories=("a", "b", "a", "c")), ())
    assert [tick.fraction for tick in scale.find_ticks(1)] == [0.125, 0.375, 0.625, 0.875]
    assert scale.place("b") == 0.375


@pytest.mark.parametrize(
    ("value", "shown"), [(1.95, "1.95"), (-0.25, "−0.25"), (2.511e-32, "2.511×10⁻³²"), (1e12, "10¹²"), (0, "0")]
)
def test_numbers_have_four_digits(value, shown):
    assert show_number(value) == shown
