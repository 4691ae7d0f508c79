"""Defer Ctrl-C until it can be handled safely."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred() -> Iterator[None]:
    """Defer Ctrl-C until the context ends.

    A process that is started within the context inherits this: it defers Ctrl-C until it calls `allow`. During imports,
    Ctrl-C would print a traceback, or would be lost if it arrived while an object is being deleted.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def allow() -> None:
    """Let Ctrl-C take effect in this process from now on."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
