"""Processes that do one piece of work: their pipes, what they do, and how to start one on any system."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NoReturn, Protocol

import psutil
from threadpoolctl import threadpool_limits

from lmbench.runs import interrupts
from lmbench.runs.channel import Channel, Returned, as_message
from lmbench.runs.memory import resident_bytes

_THREADS = (
    "BLIS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pipes:
    """One end of each pipe between a process and the run's process.

    Attributes:
        work: Carries the work, and replies.
        messages: Carries the messages of the process.
        output: Carries what the process prints.
    """

    work: Connection
    messages: Connection
    output: Connection

    def close(self) -> None:
        """Close these ends."""
        for end in (self.work, self.messages, self.output):
            end.close()


def open_pipes() -> tuple[Pipes, Pipes]:
    """Return new pipes: the ends of the run's process, and those of the other process."""
    their_work, work = multiprocessing.Pipe(duplex=False)
    messages, their_messages = multiprocessing.Pipe(duplex=False)
    output, their_output = multiprocessing.Pipe(duplex=False)
    return Pipes(work, messages, output), Pipes(their_work, their_messages, their_output)


class Process(Protocol):
    """A process that waits for work, as the run's process sees it. Several threads may use it."""

    @property
    def pipes(self) -> Pipes:
        """The ends of its pipes."""

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended, and return whether it has."""

    def end(self) -> int:
        """End the process and all that it has started, and return its exit code, or minus the signal that ended it."""

    def resident_bytes(self) -> int:
        """Return the resident memory of the process and of all that it has started."""


class SpawnedProcess:
    """A process that is started afresh, on any system.

    Whatever it starts ends with it, apart from processes that have made themselves a session of their own.

    Args:
        threads: How many threads the numeric libraries get at most; None: as many as they choose.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.pipes, pipes = open_pipes()
        alive, self._alive = multiprocessing.Pipe(duplex=False)  # its other end is closed when this process ends
        ends = (alive, pipes.work, pipes.messages, pipes.output)
        files = [end.fileno() for end in ends]
        try:
            self._process = start_python(f"from lmbench.runs.processes import serve; serve({files}, {threads})", files)
        finally:
            for end in ends:
                end.close()

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended, and return whether it has. A process that it started may hold any pipe."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> int:
        """End the process and its session, and return its exit code, or minus the signal that ended it."""
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses zombies
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        return self._process.wait()

    def resident_bytes(self) -> int:
        """Return the resident memory of the process and of all that it has started."""
        try:
            process = psutil.Process(self._process.pid)
            return resident_bytes(process, process.children(recursive=True))
        except psutil.Error:
            return 0


def start_python(code: str, files: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start Python afresh, in a session of its own, with this process's path and without its main module.

    A script then needs no main guard, and a notebook, which has no file, can start processes too. Signals are deferred
    in the process.

    Args:
        code: What it does.
        files: The file descriptors that it inherits.
    """
    with interrupts.deferred():  # the process inherits this
        return subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:] = {list(map(str, sys.path))}; {code}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,  # signals of the terminal do not reach it, and it can be ended with all it starts
        )


def serve(files: Sequence[int], threads: int | None) -> NoReturn:
    """Be a spawned process: wait for work, do it, and end with the process that started this one.

    Args:
        files: The end of a pipe that is closed when that process ends, and the ends of the pipes.
        threads: How many threads the numeric libraries get at most; None: as many as they choose.
    """
    alive, receiving, *sending = files
    ended = Connection(alive, writable=False)
    threading.Thread(target=_end_with_parent, args=(ended,), daemon=True).start()
    messages, output = (Connection(end, readable=False) for end in sending)
    work(Pipes(Connection(receiving, writable=False), messages, output), threads)


def work(pipes: Pipes, threads: int | None) -> NoReturn:
    """Wait for work, do it, send what it returns or the error that it raises, and end this process.

    Args:
        pipes: The ends of this process's pipes.
        threads: How many threads the numeric libraries get at most; None: as many as they choose.
    """
    _redirect_output(pipes.output)
    channel = Channel(pipes.work, pipes.messages)
    try:
        if threads is not None:
            limit_threads(threads)
        interrupts.allow()
        work = pipes.work.recv()
        result = work(channel)
        _flush()
        channel.send(Returned(result))
    except KeyboardInterrupt:
        _exit(130)
    except BaseException as error:  # noqa: BLE001  (whatever a plugin raises ends here)
        with suppress(Exception):
            sys.stdout.flush()
            traceback.print_exc()
        channel.send(as_message(error))
    _exit(0)


def limit_threads(count: int) -> None:
    """Limit the threads of the numeric libraries in this process, whether they are loaded already or not."""
    os.environ.update(dict.fromkeys(_THREADS, str(count)))
    threadpool_limits(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)


def _end_with_parent(ended: Connection) -> None:
    """End this process and its session as soon as the one that started it has ended, for whatever reason."""
    with suppress(EOFError, OSError):
        ended.recv_bytes()
    os.killpg(0, signal.SIGKILL)


def _redirect_output(output: Connection) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output.fileno(), stream.fileno())
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # nothing is lost if the process is killed
    output.close()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a plugin may have closed or replaced them
            stream.flush()


def _exit(code: int) -> NoReturn:
    """End this process without waiting for the threads that a model has left."""
    _flush()
    os._exit(code)
