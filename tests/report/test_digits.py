"""Digits that fit an interval. The examples of the rule are those of the Particle Data Group."""

import math

import pytest

from lmbench.report.digits import (
    choose_decimals,
    count_decimals,
    show_difference,
    show_fixed,
    show_interval,
    show_with_error,
)
from lmbench.statistics import Estimate


def estimate(value, half_width):
    return Estimate(value, value - half_width, value + half_width)


@pytest.mark.parametrize(
    ("value", "half_width", "shown"),
    [
        (0.827, 0.119, "0.83 ± 0.12"),
        (0.827, 0.367, "0.83 ± 0.37"),  # the rule asks for one digit, but two decimals are the fewest
        (0.0827, 0.0367, "0.08 ± 0.04"),
        (0.00827, 0.00354, "0.0083 ± 0.0035"),
        (0.00827, 0.00355, "0.008 ± 0.004"),
        (0.00827, 0.00097, "0.0083 ± 0.0010"),
        (0.007064, 0.0011443, "0.0071 ± 0.0011"),
        (12.3456, 4.2, "12.35 ± 4.20"),
        (0.12345678, 1e-9, "0.12346 ± 0.00000"),
        (-0.00001, 0.1, "0.00 ± 0.10"),
        (-0.25, 0.1, "−0.25 ± 0.10"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_supports(value, half_width, shown):
    assert show_with_error(estimate(value, half_width)) == shown


@pytest.mark.parametrize("half_width", [0.0, 1e-15, math.inf, math.nan])
def test_numbers_without_an_interval_have_four_decimals(half_width):
    assert count_decimals(half_width) == 4
    assert show_with_error(Estimate(1.5)) == "1.5000"
    assert show_difference(Estimate(1.5)) == "+1.5000"
    assert show_interval(Estimate(1.5), 3) == "–"


def test_a_column_has_the_decimals_of_its_narrowest_interval():
    """That of a model that charges every byte the same has no width but for rounding, and does not count."""
    column = [estimate(2.4, 0.09), estimate(2.5, 0.03), Estimate(8.0, 8.0, 8.0), Estimate(1.0), estimate(6.5, 1e-15)]
    assert choose_decimals(column) == 3
    assert choose_decimals(column[2:]) == 4
    assert [show_interval(each, 3) for each in column[:3]] == ["2.310–2.490", "2.470–2.530", "8.000–8.000"]


@pytest.mark.parametrize(
    ("difference", "shown"),
    [
        (Estimate(0.00156, 0.0004, 0.00275), "+0.0016 [0.0004, 0.0027]"),
        (Estimate(0.0184, 0.00988, 0.02639), "+0.018 [0.010, 0.026]"),
        (Estimate(0.1003, 0.04135, 0.15448), "+0.10 [0.04, 0.15]"),
        (Estimate(0.005, -0.01, 0.02), "+0.005 [−0.010, 0.020]"),
        (Estimate(-0.25, -0.3, -0.2), "−0.25 [−0.30, −0.20]"),
        (Estimate(1.58e-7, 1.54e-7, 1.63e-7), "+0.00000"),
        (Estimate(0.0, 0.0, 0.0), "+0.0000"),
    ],
)
def test_differences_have_a_sign_and_their_own_digits(difference, shown):
    assert show_difference(difference) == shown


def test_zero_has_no_sign():
    assert [show_fixed(value, 2) for value in (-0.0, -0.004, 0.004, -0.006)] == ["0.00", "0.00", "0.00", "−0.01"]
