"""Numbers with as many digits as their intervals support.

The rule is that of the Particle Data Group ("Review of particle physics", introduction, section 5.3): an error has two
significant digits if they begin with 100 to 354, and else one. The number has as many decimals as its error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from lmbench.report.contents import NONE
from lmbench.statistics import Average, Estimate

DECIMALS = 4
"""Decimals of a number without an interval."""

_FEWEST, _MOST = 2, 5
_LARGEST_OF_TWO = 3.54
_ROUNDING = 1e-12  # half the width of an interval that has one only because of rounding errors


def count_decimals(half_width: float) -> int:
    """Return the decimals, between 2 and 5, that an interval supports.

    Args:
        half_width: Half the width of the interval, 0 or above.
    """
    if half_width < _ROUNDING or not math.isfinite(half_width):
        return DECIMALS
    leading, exponent = f"{half_width:.2e}".split("e")
    digits = 2 if float(leading) <= _LARGEST_OF_TWO else 1
    return min(max(digits - 1 - int(exponent), _FEWEST), _MOST)


def choose_decimals(estimates: Iterable[Estimate]) -> int:
    """Return the decimals of a column: those of the narrowest interval. Intervals without a width do not count."""
    half_widths = [_half_width(estimate) or 0.0 for estimate in estimates]
    return count_decimals(min((half_width for half_width in half_widths if half_width >= _ROUNDING), default=0.0))


def show_fixed(value: float, decimals: int) -> str:
    """Return a number with a fixed number of decimals, and with a minus sign if it is below 0."""
    text = f"{value:.{decimals}f}"
    return f"−{text[1:]}" if text.startswith("-") and float(text) else text.removeprefix("-")


def show_interval(estimate: Estimate | Average, decimals: int) -> str:
    """Return an interval as "2.38–2.55", or a dash if there is none."""
    if estimate.low is None or estimate.high is None:
        return NONE
    return f"{show_fixed(estimate.low, decimals)}–{show_fixed(estimate.high, decimals)}"


def show_difference(estimate: Estimate) -> str:
    """Return a difference with its own digits and its interval: "+0.018 [0.010, 0.026]".

    The interval is left out if both of its ends are shown as the difference is.
    """
    decimals = choose_decimals([estimate])
    value = show_fixed(estimate.value, decimals)
    signed = value if value.startswith("−") else f"+{value}"
    if estimate.low is None or estimate.high is None:
        return signed
    low, high = show_fixed(estimate.low, decimals), show_fixed(estimate.high, decimals)
    return signed if low == value == high else f"{signed} [{low}, {high}]"


def show_with_error(estimate: Estimate) -> str:
    """Return a number with half the width of its interval: "0.0071 ± 0.0011"."""
    decimals, half_width = choose_decimals([estimate]), _half_width(estimate)
    value = show_fixed(estimate.value, decimals)
    return value if half_width is None else f"{value} ± {show_fixed(half_width, decimals)}"


def _half_width(estimate: Estimate) -> float | None:
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / 2
