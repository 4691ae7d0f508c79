"""Reports from long operations."""

from __future__ import annotations

import math
import warnings
from numbers import Integral, Real

from lmbench.errors import PluginError, kind_of, one_line

_ROUNDING = 1e-6


class Progress:
    """Receives reports from a long operation. This class ignores them; subclasses show them or pass them on."""

    def __call__(self, message: str, share: float) -> None:
        """Report the current step.

        Args:
            message: Describes the step.
            share: The share of the work that is done, from 0 to 1.
        """

    def notice(self, line: str) -> None:
        """Announce something that the user must not miss, such as a large download. By default this is a warning."""
        warnings.warn(line, stacklevel=3)

    def received(self, url: str, done: int, total: int | None) -> None:
        """Report a download.

        Args:
            url: The address.
            done: Bytes received.
            total: Size in bytes, or None if the server does not say.
        """

    def part(self, label: str, start: float = 0.0, stop: float = 1.0) -> Progress:
        """Return the progress of one part of the work.

        Args:
            label: Prefix of each message.
            start: The share of the whole that is done before the part begins.
            stop: The share of the whole that is done once the part ends.
        """
        return _Part(self, label, start, stop)


class _Part(Progress):
    def __init__(self, whole: Progress, label: str, start: float, stop: float) -> None:
        self._whole, self._label, self._start, self._stop = whole, label, start, stop

    def __call__(self, message: str, share: float) -> None:
        self._whole(f"{self._label}: {message}", self._start + share * (self._stop - self._start))

    def notice(self, line: str) -> None:
        self._whole.notice(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        self._whole.received(url, done, total)


class CheckedProgress(Progress):
    """Passes reports on as plain values. A wrong type or share raises PluginError in the code that reports it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, message: str, share: float) -> None:
        self._progress(_plain_text(message, "message"), _plain_share(share))

    def notice(self, line: str) -> None:
        self._progress.notice(_plain_text(line, "notice"))

    def part(self, label: str, start: float = 0.0, stop: float = 1.0) -> Progress:
        return CheckedProgress(super().part(label, start, stop))

    def received(self, url: str, done: int, total: int | None) -> None:
        size = None if total is None else _plain_count(total)
        self._progress.received(_plain_text(url, "address"), _plain_count(done), size)


def _plain_text(text: object, name: str) -> str:
    if not isinstance(text, str):
        raise PluginError(f"progress received {kind_of(text)} as a {name}; it must be a str")
    return one_line(text)


def _plain_share(share: object) -> float:
    if not isinstance(share, Real):
        raise PluginError(f"progress received {kind_of(share)} as the share that is done; it must be a number")
    plain = float(share)
    if math.isnan(plain) or not -_ROUNDING <= plain <= 1 + _ROUNDING:
        raise PluginError(f"progress received the share {plain:g}; it must be from 0 to 1")
    return min(max(plain, 0.0), 1.0)


def _plain_count(count: object) -> int:
    if not isinstance(count, Integral):
        raise PluginError(f"progress received {kind_of(count)} as a number of bytes; it must be an int")
    return int(count)


SILENT = Progress()
"""Ignores everything except notices."""
