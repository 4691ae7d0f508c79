"""Do one piece of work in a process of its own, so that its memory can be measured and a crash harms nothing else."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, cast

from lmbench.errors import LmbenchError, UnavailableError
from lmbench.runs import interrupts

Result = TypeVar("Result")

Send = Callable[[object], None]
"""Sends a message from the work to the process that waits for it."""


class _Result(Generic[Result]):
    """The last message of a process that succeeds: what its work returned."""

    def __init__(self, value: Result) -> None:
        self.value = value


class Worker:
    """A fresh process that does one piece of work.

    The process starts at once, and waits for its work; it ends with the context, or with `run`.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        work, self._work = context.Pipe(duplex=False)
        self._messages, messages = context.Pipe(duplex=False)
        self._process = context.Process(target=_main, args=(work, messages))
        try:
            resource_tracker.ensure_running()  # before the context: it unblocks interrupts as it starts
            with interrupts.deferred():  # the process inherits this
                self._process.start()
        finally:
            work.close()
            messages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.pid is not None:
            self._process.kill()  # still alive only if it got no work, or if this process was interrupted
            self._process.join()
        self._work.close()
        self._messages.close()

    def run(
        self, work: Callable[[Send], Result], log: Path, receive: Callable[[Any], None]
    ) -> Result | LmbenchError | str:
        """Do the work and end the process.

        Args:
            work: A picklable function. It gets a `Send`, for messages while it works.
            log: A new or empty file, to which everything that the process prints is written.
            receive: Called with each message as it arrives.

        Returns:
            What the work returned, the LmbenchError that it raised, or a text that says how the process ended.
        """
        with self:
            for message in self._exchange(work, log):
                if isinstance(message, _Result):
                    return cast(Result, message.value)
                if isinstance(message, LmbenchError):
                    return message
                receive(message)
            self._process.join()
            return _how_it_ended(self._process.exitcode, log)

    def _exchange(self, work: Callable[[Send], Result], log: Path) -> Iterator[object]:
        """Send the work, and yield each message until the process ends."""
        with suppress(EOFError, BrokenPipeError):
            self._work.send((work, log))
            while True:
                yield self._messages.recv()


def peak_bytes() -> int:
    """Return the peak resident memory of this process.

    On Linux this is VmHWM, since ru_maxrss of getrusage also counts the process that started this one. Elsewhere it is
    ru_maxrss, which macOS gives in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _main(work: Connection, messages: Connection) -> None:
    """Wait for work and its log, do the work, and send what it returns or the LmbenchError that it raises.

    Any other error ends the process with a traceback in the log. The last line of the traceback is what `run` returns.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        interrupts.allow()
        task, log = work.recv()
        with log.open("w") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())
        messages.send(_Result(task(messages.send)))
    except LmbenchError as error:
        messages.send(_portable(error))
    except KeyboardInterrupt:
        sys.exit(130)  # the parent receives the same interrupt, and reports it


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, for whatever reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _portable(error: LmbenchError) -> LmbenchError:
    """Return the error as one that can be pickled: a subclass may have a constructor that takes other arguments."""
    return (UnavailableError if isinstance(error, UnavailableError) else LmbenchError)(str(error))


def _how_it_ended(exit_code: int | None, log: Path) -> str:
    """Return how a process ended without a result: by a signal, or with the last line of its traceback."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    if exit_code is not None and exit_code < 0:
        return f"the process was killed by signal {-exit_code} (out of memory?); see {log}"
    return f"{lines[-1].strip() if lines else f'exit code {exit_code}'}; see {log}"
