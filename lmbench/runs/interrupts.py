"""Signals that stop a command: Ctrl-C, SIGTERM, and the SIGHUP of a terminal that closes.

Each raises KeyboardInterrupt, so that everything is cleaned up as after Ctrl-C. They can be deferred until that is
safe.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = {"SIGINT": "Interrupted", "SIGTERM": "Terminated", "SIGHUP": "Hung up"}
_SIGNALS = {getattr(signal, name): word for name, word in _NAMES.items() if hasattr(signal, name)}


class Stopped(KeyboardInterrupt):
    """This process got a signal that ends it.

    Attributes:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def handle() -> None:
    """Let SIGTERM and SIGHUP raise `Stopped` in this process, unless they are ignored, as by nohup."""
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def release() -> None:
    """Let each signal end this process at once, and silently."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.default_int_handler, _stop):
            signal.signal(number, signal.SIG_DFL)


def describe(stop: KeyboardInterrupt) -> tuple[str, int]:
    """Return one line about what stopped this process, with the notes that were added, and the exit code of a shell."""
    number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
    return f"{': '.join([_SIGNALS[number], *getattr(stop, '__notes__', ())])}.", 128 + number


@contextmanager
def deferred() -> Iterator[None]:
    """Defer the signals until the context ends.

    A process that is started within the context inherits this: it defers them until it calls `allow`. During imports,
    an interrupt would print a traceback, or would be lost if it arrived while an object is being deleted.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def allow() -> None:
    """Let the signals take effect in this process from now on."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _stop(number: int, _: FrameType | None) -> None:
    for other in _SIGNALS:
        if signal.getsignal(other) is _stop:
            signal.signal(other, signal.SIG_IGN)  # a shell that ends sends more than one
    raise Stopped(number)
