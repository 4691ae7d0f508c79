"""Work in a process of its own: its memory is measured, and what it breaks costs nothing but its own result."""

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
"""Given to work in a process: sends a message to the process that waits for it."""


class _Result(Generic[Result]):
    """The last message of a process: what its work returned."""

    def __init__(self, value: Result) -> None:
        self.value = value


class Worker:
    """A fresh process that does one piece of work. It starts when this object is made, and ends with the context."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        work, self._give_work = context.Pipe(duplex=False)
        self._messages, send = context.Pipe(duplex=False)
        self._process = context.Process(target=_main, args=(work, send))
        try:
            resource_tracker.ensure_running()  # if it started with the first process, it would let interrupts through
            with interrupts.deferred():  # in the process too, until it can handle them
                self._process.start()
        finally:
            work.close()
            send.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.pid is not None:
            self._process.kill()  # it is alive only if it had no work, or this process was interrupted
            self._process.join()
        self._give_work.close()
        self._messages.close()

    def run(
        self, work: Callable[[Send], Result], log: Path, receive: Callable[[Any], None]
    ) -> Result | LmbenchError | str:
        """Do the work and end the process.

        Args:
            work: A picklable function; it may send messages while it works.
            log: The file that gets everything the process prints.
            receive: Called with each message, so that nobody has to hold all of them at once.

        Returns:
            What the work returned, the LmbenchError that it raised, or how the process ended otherwise.
        """
        with self:
            for message in self._received(work, log):
                if isinstance(message, _Result):
                    return cast(Result, message.value)
                if isinstance(message, LmbenchError):
                    return message
                receive(message)
            self._process.join()
            return _how_it_ended(self._process.exitcode, log)

    def _received(self, work: Callable[[Send], Result], log: Path) -> Iterator[object]:
        log.unlink(missing_ok=True)  # an earlier run's
        with suppress(EOFError, BrokenPipeError):  # the process has ended
            self._give_work.send((work, log))
            while True:
                yield self._messages.recv()


def peak_bytes() -> int:
    """Return the largest resident memory of this process.

    On Linux this is VmHWM, since getrusage's ru_maxrss also counts the process that started this one; elsewhere it is
    ru_maxrss, which macOS gives in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _main(work: Connection, messages: Connection) -> None:
    """Wait for work and a log, do the work, and send what it returns.

    An LmbenchError is sent; any other error ends the process with a traceback in the log, whose last line becomes the
    error of the cell.
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
        sys.exit(130)  # the parent receives the same interrupt, and reports what is stored


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that happened."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _portable(error: LmbenchError) -> LmbenchError:
    """Return the error as one that any process can rebuild from its text."""
    return (UnavailableError if isinstance(error, UnavailableError) else LmbenchError)(str(error))


def _how_it_ended(exit_code: int | None, log: Path) -> str:
    """Return why a process ended without a result: its signal, or the last line of its traceback."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    if exit_code is not None and exit_code < 0:
        return f"the process was killed by signal {-exit_code} (out of memory?); see {log}"
    return f"{lines[-1].strip() if lines else f'exit code {exit_code}'}; see {log}"
