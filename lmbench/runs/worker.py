"""Do one piece of work in a process of its own, so that its memory can be measured and a crash harms nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Self, TypeVar, cast

from lmbench.errors import LmbenchError, kind_of, one_line
from lmbench.runs.capped_log import CappedLog
from lmbench.runs.channel import Channel, Failure, Question, Returned, as_message, receive
from lmbench.runs.processes import Process, SpawnedProcess

__all__ = ["UNLIMITED", "Channel", "Failure", "Limits", "Worker", "as_error", "find_log"]

Result = TypeVar("Result")

_INTERVAL = 0.1  # seconds between two looks at what a process uses
_REPORT_INTERVAL = 1.0  # seconds between two reports of it
_PATIENCE = 10.0  # seconds that a process has for its end once it has closed its messages
_CHUNK = 1 << 16  # bytes
_UNITS = ("bytes", "KiB", "MiB", "GiB")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one piece of work may use.

    Attributes:
        seconds: Wall-clock seconds; None for as long as it takes.
        bytes: Resident memory of the process and of those that it started; None for as much as there is.
    """

    seconds: float | None = None
    bytes: int | None = None


UNLIMITED = Limits()
"""As much as there is, for as long as it takes."""


class Worker:
    """A process that does one piece of work. It ends with the context, or with `run`, and so does all that it starts.

    Args:
        process: The process; None to start one.
    """

    def __init__(self, process: Process | None = None) -> None:
        self._process = process or SpawnedProcess()
        self._pipes = self._process.pipes
        self._report_memory: Callable[[int], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._pipes.close()

    def report_memory(self, report: Callable[[int], None]) -> None:
        """Call `report` with the bytes of resident memory, from another thread, once a second while `run` works."""
        self._report_memory = report

    def end(self) -> None:
        """End the process, from any thread: what it does is a `Failure`."""
        self._process.end()

    def run(
        self,
        work: Callable[[Channel], Result],
        log: Path,
        receive: Callable[[object], object],
        limits: Limits = UNLIMITED,
    ) -> Result | LmbenchError | Failure:
        """Do the work and end the process.

        Args:
            work: A picklable function. It gets a `Channel`, for messages while it works. Messages and results consist
                of plain values, arrays and classes of lmbench.
            log: A new or empty file, to which what the process prints is written: its beginning and its end, if it is
                longer than 1 MiB.
            receive: Called with each message as it arrives. If the work asks, it returns the reply.
            limits: The most that the work may use; the process ends if it uses more.

        Returns:
            What the work returned, the LmbenchError that it raised, or how the process ended otherwise.
        """
        with self, CappedLog(log) as written:
            guard = _Guard(self._process, written, limits, self._report_memory)
            try:
                return self._run(work, receive, guard)
            finally:
                self.end()
                guard.join()

    def _run(
        self, work: Callable[[Channel], Result], receive: Callable[[object], object], guard: _Guard
    ) -> Result | LmbenchError | Failure:
        for message in self._exchange(work):
            match message:
                case Returned(value=value):  # a plugin may send one without a value
                    return cast(Result, value)
                case Failure(str(text)):
                    return guard.excess or Failure(one_line(text))
                case LmbenchError():
                    return as_message(message)
                case Question(message=question):
                    self._reply(receive(question))
                case _:
                    receive(message)
        return self._how_it_ended(guard)

    def _reply(self, reply: object) -> None:
        with suppress(OSError):  # the process has ended, which the next message will say
            self._pipes.work.send(reply)

    def _exchange(self, work: Callable[[Channel], Result]) -> Iterator[object]:
        """Send the work, and yield each message until the process ends, even if another one holds its pipe."""
        messages = self._pipes.messages
        with suppress(EOFError, OSError):
            self._pipes.work.send(work)
            while messages.poll(_INTERVAL) or not self._process.wait(0) or messages.poll():
                if messages.poll():
                    yield receive(messages)

    def _how_it_ended(self, guard: _Guard) -> Failure:
        """Return how a process ended without a last message: by a signal, or with the last line that it printed."""
        has_ended = self._process.wait(_PATIENCE)
        exit_code = self._process.end()
        guard.join()
        if guard.excess:
            return guard.excess
        if not has_ended:
            return Failure("the process closed its connection to the run, and did not end")
        if exit_code < 0:
            hint = " (out of memory?)" if -exit_code == signal.SIGKILL else ""
            return Failure(f"the process was killed by signal {-exit_code}{hint}")
        ending = f"the process ended too early, with exit code {exit_code}"
        return Failure(one_line(f"{ending}: {guard.log.last_line}" if guard.log.last_line else ending))


class _Guard:
    """A thread that writes what a process prints into its log, and ends the process if it exceeds a limit.

    Attributes:
        log: The log, to be closed after the thread has ended.
        excess: Which limit the process has exceeded; None if it has exceeded none.
    """

    def __init__(
        self, process: Process, log: CappedLog, limits: Limits, report_memory: Callable[[int], None] | None
    ) -> None:
        self.log, self.excess = log, cast(Failure | None, None)
        self._process, self._limits, self._output = process, limits, process.pipes.output
        self._report_memory = report_memory
        self._started = self._looked = self._reported = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the process has ended and all that it printed is written."""
        self._thread.join()

    def _watch(self) -> None:
        is_open = True
        while not self._process.wait(0 if is_open else _INTERVAL):
            is_open = is_open and self._write_output(_INTERVAL)
            self._look()
        while is_open and wait([self._output], 0):
            is_open = self._write_output(0)

    def _write_output(self, seconds: float) -> bool:
        """Write what the process prints within some seconds, and return whether it may print more."""
        if not wait([self._output], seconds):
            return True
        data = os.read(self._output.fileno(), _CHUNK)
        self.log.write(data)
        return bool(data)

    def _look(self) -> None:
        """End the process if it has exceeded a limit, else report its memory if that is due."""
        now = time.monotonic()
        if self.excess is not None or now < self._looked + _INTERVAL:
            return
        self._looked = now
        if self._limits.seconds is not None and now > self._started + self._limits.seconds:
            self._stop(f"stopped after the time limit of {self._limits.seconds:g} s; give more with --timeout")
        elif self._limits.bytes is not None and self._process.resident_bytes() > self._limits.bytes:
            self._stop(f"used more than the limit of {_in_words(self._limits.bytes)} (--memory-limit)")
        elif self._report_memory is not None and now > self._reported + _REPORT_INTERVAL:
            self._reported = now
            with suppress(OSError):  # the terminal may be closed
                self._report_memory(self._process.resident_bytes())

    def _stop(self, reason: str) -> None:
        self.excess = Failure(reason)
        self._process.end()


def as_error(ending: object, log: Path | None) -> LmbenchError:
    """Return how a process ended without a result, as an error.

    Args:
        ending: How it ended.
        log: The log to refer to; None if it is empty.
    """
    if isinstance(ending, LmbenchError):
        return ending
    text = ending.text if isinstance(ending, Failure) else f"the process returned {kind_of(ending)}"
    return LmbenchError(f"{text}; see {log}" if log else text)


def find_log(written: Path, final: Path) -> Path | None:
    """Return where the log of a process will be; None if the process printed nothing.

    Args:
        written: Where the log is now.
        final: Where it will be.
    """
    return final if written.is_file() and written.stat().st_size else None


def _in_words(count: int) -> str:
    """Return a number of bytes in few letters: ``512 MiB``, ``2 GiB``."""
    power = min((max(count, 1).bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{count / 1024**power:.4g} {_UNITS[power]}"
