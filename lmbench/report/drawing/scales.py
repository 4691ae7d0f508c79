"""Scales: the places of positions along an axis, and its round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lmbench.chart import Axis, Position
from lmbench.exhibit import formatted

_MARGIN = 0.04  # of the axis, beyond the smallest and the largest number
_LARGEST = 1e300  # larger numbers would overflow when they are subtracted
_PLAIN = 1e-3, 1e6  # numbers outside are shown as powers of ten
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Tick:
    """A place along an axis, as a fraction of its length, and the text there."""

    fraction: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis with its range.

    Attributes:
        axis: The axis.
        low: The lower end, as its logarithm if the scale is logarithmic.
        high: The upper end.
        is_empty: Whether it has nothing to place.
    """

    axis: Axis
    low: float
    high: float
    is_empty: bool = False

    def place(self, position: Position) -> float:
        """Return the place of a position as a fraction of the axis; NaN if it cannot be shown."""
        return (self._transform(position) - self.low) / (self.high - self.low)

    def find_ticks(self, most: int) -> Sequence[Tick]:
        """Return at most about this many ticks, evenly spaced; all categories have one."""
        if self.is_empty:
            return ()
        if self.axis.scale == "categories":
            names = self.axis.categories
            return [Tick((number + 0.5) / len(names), name) for number, name in enumerate(names)]
        if self.axis.scale == "log":
            return self._find_log_ticks(most)
        values, step = _round_numbers(self.low, self.high, most)
        return self._label(values, step)

    def _find_log_ticks(self, most: int) -> Sequence[Tick]:
        powers = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
        if len(powers) > 2:
            values = [10.0**power for power in powers[:: math.ceil(len(powers) / most)]]
            return [Tick(self.place(value), text) for value, text in zip(values, _show_apart(values), strict=True)]
        values = [
            digit * 10.0**power
            for power in range(math.floor(self.low), math.ceil(self.high) + 1)
            for digit in (1, 2, 5)
            if self.low <= math.log10(digit) + power <= self.high
        ]
        if len(values) > 2:
            return [Tick(self.place(value), text) for value, text in zip(values, _show_apart(values), strict=True)]
        values, step = _round_numbers(10**self.low, 10**self.high, most)
        return self._label(values, step)

    def _label(self, values: Sequence[float], step: float) -> Sequence[Tick]:
        texts = _show_together(values, step)
        return [Tick(self.place(value), text) for value, text in zip(values, texts, strict=True)]

    def _transform(self, position: Position) -> float:
        if isinstance(position, str):
            return self.axis.categories.index(position)
        if self.axis.scale == "log":
            return math.log10(position) if 0 < position < _LARGEST else math.nan
        return position if abs(position) < _LARGEST else math.nan


def fit_scale(axis: Axis, positions: Iterable[Position], has_zero: bool = False) -> Scale:
    """Return the scale that shows these positions.

    Args:
        axis: The axis.
        positions: The positions; numbers that the scale cannot show are ignored.
        has_zero: Whether bars begin at zero.
    """
    if axis.scale == "categories":
        return Scale(axis, -0.5, max(len(axis.categories), 1) - 0.5, not axis.categories)
    unbounded = Scale(axis, 0.0, 1.0)
    numbers = [number for number in map(unbounded.place, positions) if not math.isnan(number)]
    if not numbers:
        return Scale(axis, 0.0, 1.0, is_empty=True)
    if has_zero and axis.scale == "linear":
        numbers.append(0.0)
    size = 1.0 if axis.scale == "log" else max(map(abs, numbers))
    low, high = _widen(min(numbers), max(numbers), size)
    margin = _MARGIN * (high - low)
    begins, ends = has_zero and low == 0, has_zero and high == 0
    return Scale(axis, low if begins else low - margin, high if ends else high + margin)


def _widen(low: float, high: float, size: float) -> tuple[float, float]:
    """Return a range whose ends differ by more than rounding errors of numbers of this size."""
    if high - low > 1e-9 * size:
        return low, high
    half = 0.05 * size or 0.5
    return low - half, high + half


def _round_numbers(low: float, high: float, most: int) -> tuple[list[float], float]:
    """Return the multiples of a round step between two numbers, and the step."""
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)], step


def _show_together(values: Sequence[float], step: float) -> Iterator[str]:
    """Yield numbers with as many decimals as their step has, and with the same power of ten."""
    largest = max(map(abs, values), default=0.0)
    last_digit = math.floor(math.log10(step) + 1e-9)
    is_plain = _PLAIN[0] <= largest < _PLAIN[1] or not largest
    power = 0 if is_plain else math.floor(math.log10(largest) + 1e-9)
    for value in values:
        text = f"{value / 10.0**power:,.{max(power - last_digit, 0)}f}"
        yield _show_power(text, power) if float(text.replace(",", "")) else "0"


def _show_apart(values: Sequence[float]) -> Iterator[str]:
    """Yield round numbers of different sizes."""
    is_plain = all(_PLAIN[0] <= value < 10 * _PLAIN[1] for value in values)
    for value in values:
        power = 0 if is_plain else math.floor(math.log10(value) + 1e-9)
        yield f"{value:,.10g}" if is_plain else _show_power(f"{value / 10.0**power:.0f}", power)


def show_number(value: float) -> str:
    """Return a number with four significant digits."""
    digits, _, power = formatted(float(value)).partition("e")
    return _show_power(digits, int(power or 0))


def _show_power(digits: str, power: int) -> str:
    digits = digits.replace("-", "−")
    if not power:
        return digits
    raised = f"10{str(power).translate(_RAISED)}"
    return {"1": raised, "−1": f"−{raised}"}.get(digits, f"{digits}×{raised}")
