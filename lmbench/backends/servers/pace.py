"""The pace of requests, which all threads of a process keep together."""

from __future__ import annotations

import threading
import time


class Pace:
    """Spreads requests evenly.

    Args:
        rate: Requests a minute, at most; 0 for any number.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 60 / rate if rate else 0.0  # seconds between two requests, at least
        self._next, self._lock = 0.0, threading.Lock()

    def wait(self, closing: threading.Event) -> None:
        """Wait for this thread's turn, or until nothing more is to be sent."""
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._interval
        if self._interval:
            closing.wait(max(0.0, turn - time.monotonic()))
