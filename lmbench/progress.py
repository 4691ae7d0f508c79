"""Reports from long operations."""

from __future__ import annotations

import warnings


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


SILENT = Progress()
"""Ignores everything except notices."""
