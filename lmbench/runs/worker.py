"""Do one piece of work in a process of its own, so that its memory can be measured and a crash harms nothing else."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, BinaryIO, Generic, NoReturn, Self, TypeVar, cast

from lmbench.errors import LmbenchError, PluginError, UnavailableError, describe, kind_of, message_of, one_line
from lmbench.runs import interrupts

Result = TypeVar("Result")

_LONGEST_MESSAGE = 1 << 30  # bytes
_NUMPY = ("ndarray", "dtype", "_reconstruct", "_frombuffer", "scalar")  # what a pickled array names


class Channel:
    """Connects the work in a process with the process that waits for it."""

    def __init__(self, replies: Connection, messages: Connection) -> None:
        self._replies, self._messages = replies, messages
        self._sending, self._asking = threading.Lock(), threading.Lock()  # a model may report from several threads

    def send(self, message: object) -> None:
        """Send a message."""
        with self._sending:
            self._messages.send(message)

    def ask(self, message: object) -> Any:
        """Send a message, and return the reply."""
        with self._asking:
            self.send(_Question(message))
            return self._replies.recv()


class _Question:
    """A message that waits for a reply."""

    def __init__(self, message: object) -> None:
        self.message = message


class _Result(Generic[Result]):
    """The last message of a process that succeeds: what its work returned."""

    def __init__(self, value: Result) -> None:
        self.value = value


@dataclass(frozen=True, slots=True)
class Failure:
    """How a process ended without a result or an LmbenchError, in one line: what its work raised, or its exit code."""

    text: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one piece of work may use.

    Attributes:
        seconds: Wall-clock seconds; None for as long as it takes.
        bytes: Resident memory of the process and of those that it started; None for as much as there is.
    """

    seconds: float | None = None
    bytes: int | None = None


class Worker:
    """A fresh process that does one piece of work.

    The process starts at once, and waits for its work; it ends with the context, or with `run`.

    Args:
        threads: How many threads the numeric libraries get at most; None: as many as they choose.
    """

    def __init__(self, threads: int | None = None) -> None:
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
        self,
        work: Callable[[Channel], Result],
        log: Path,
        receive: Callable[[object], object],
        limits: Limits = Limits(),
    ) -> Result | LmbenchError | Failure:
        """Do the work and end the process.

        Args:
            work: A picklable function. It gets a `Channel`, for messages while it works. Messages and results consist
                of plain values, arrays and classes of lmbench.
            log: A new or empty file, to which everything that the process prints is written.
            receive: Called with each message as it arrives. If the work asks, it returns the reply.
            limits: What the work may use. The process ends if it uses more.

        Returns:
            What the work returned, the LmbenchError that it raised, or how the process ended otherwise.
        """
        with self, log.open("w+b") as written:  # stays readable even if the process deletes it
            for message in self._exchange(work, log):
                match message:
                    case _Result(value=value):  # a plugin may send one without a value
                        return cast(Result, value)
                    case Failure(str()) | LmbenchError():
                        return message
                    case _Question(message=question):
                        self._reply(receive(question))
                    case _:
                        receive(message)
            self._process.join()
            return _how_it_ended(self._process.exitcode, written)

    def _reply(self, reply: object) -> None:
        with suppress(BrokenPipeError):  # the process has ended, which the next message will say
            self._work.send(reply)

    def _exchange(self, work: Callable[[Channel], Result], log: Path) -> Iterator[object]:
        """Send the work, and yield each message until the process ends."""
        with suppress(EOFError, BrokenPipeError):
            self._work.send((work, log))
            while True:
                yield _receive(self._messages)


def as_error(ending: object, log: Path) -> LmbenchError:
    """Return how a process ended without a result, as an error."""
    if isinstance(ending, LmbenchError):
        return ending
    text = ending.text if isinstance(ending, Failure) else f"the process returned {kind_of(ending)}"
    return LmbenchError(f"{text}; see {log}")


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


def _receive(messages: Connection) -> object:
    """Return the next message. A plugin in the process may send anything."""
    try:
        return _Unpickler(io.BytesIO(messages.recv_bytes(_LONGEST_MESSAGE))).load()
    except EOFError:
        raise
    except Exception:  # noqa: BLE001  (bytes that are not a pickle can raise anything)
        return Failure("the process sent a message that cannot be read")


class _Unpickler(pickle.Unpickler):
    """Reads messages: plain values, arrays and classes of lmbench. Other names would run other code here."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith(("lmbench.", "numpy")) else None
        is_own = isinstance(found, type) and module in sys.modules and module.startswith("lmbench.")
        if is_own or (module.startswith("numpy") and name in _NUMPY):
            return found
        raise pickle.UnpicklingError(f"{module}.{name}")


def _main(work: Connection, messages: Connection) -> None:
    """Wait for work and its log, do the work, and send what it returns or the error that it raises."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    channel = Channel(work, messages)
    try:
        interrupts.allow()
        task, log = work.recv()
        try:
            _redirect_output(log)
        except OSError as error:  # the run directory was removed: a traceback would reach the terminal
            channel.send(Failure(f"cannot write the log: {error.strerror}"))
            _exit(1)
        channel.send(_Result(task(channel)))
    except KeyboardInterrupt:
        _exit(130)  # the parent receives the same interrupt, and reports it
    except BaseException as error:  # noqa: BLE001  (whatever a plugin raises ends here)
        with suppress(Exception):
            sys.stdout.flush()
            traceback.print_exc()
        channel.send(_failure(error))
    _exit(0)


def _redirect_output(log: Path) -> None:
    with log.open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())


def _failure(error: BaseException) -> LmbenchError | Failure:
    """Return the error as a message that can be pickled: a subclass may have a constructor of its own."""
    for kind in (UnavailableError, PluginError, LmbenchError):
        if isinstance(error, kind):
            return kind(message_of(error))
    return Failure(describe(error))


def _exit(code: int) -> NoReturn:
    """End this process without waiting for the threads that a model has left."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, for whatever reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _how_it_ended(exit_code: int | None, log: BinaryIO) -> Failure:
    """Return how a process ended without a last message: by a signal, or with the last line that it printed."""
    if exit_code is not None and exit_code < 0:
        return Failure(f"the process was killed by signal {-exit_code} (out of memory?)")
    log.seek(max(0, log.seek(0, io.SEEK_END) - 4096))
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    last = f": {lines[-1]}" if lines else ""
    return Failure(one_line(f"the process ended too early, with exit code {exit_code}{last}"))
