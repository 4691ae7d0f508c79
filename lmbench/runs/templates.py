"""Start the worker processes of a run quickly, and end them with it.

On Linux each of them is forked from a template: a process that has imported what the work needs, and used nothing of
it. Elsewhere each is started afresh, since the libraries of macOS do not work in a forked process.

A template forks a supervisor for each worker process, and the supervisor forks the worker process::

    the run's process ── template ── supervisor ── worker process ── whatever it starts

Every process that the worker process leaves behind becomes a child of its supervisor, which ends them all as soon as
the worker process ends, or as the run's process ends or asks for it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NoReturn, Self
from weakref import WeakSet

import psutil

from lmbench.errors import LmbenchError
from lmbench.registry import list_registered
from lmbench.runs.libraries import import_libraries
from lmbench.runs.memory import resident_bytes
from lmbench.runs.processes import Pipes, Process, SpawnedProcess, open_pipes, start_python, work
from lmbench.runs.worker import Worker

OWN_MODULES = (
    "lmbench.runs.jobs", "lmbench.checks", "lmbench.text.lexicon", "lmbench.ngrams.arpa_writer",
    "lmbench.ngrams.smoothing",
)  # fmt: skip
"""The modules of lmbench that most of the work of a run imports."""

_CAN_FORK = sys.platform == "linux"
_SLOWEST_IMPORT = 300.0  # seconds
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # of prctl, in <linux/prctl.h>


class Workers:
    """Starts the worker processes of a run, from any thread. All of them end with the context."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._templates: dict[tuple[tuple[str, ...], bool], Template] = {}
        self._unusable: set[tuple[str, ...]] = set()  # libraries that have ended their template
        self._started: WeakSet[Worker] = WeakSet()
        self._has_ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._has_ended = True
            workers, templates = list(self._started), list(self._templates.values())
        for template in templates:
            template.end()
        for worker in workers:
            worker.end()

    def prepare(self, libraries: tuple[str, ...] = ()) -> None:
        """Begin to import libraries in the background, so that `start` need not wait for them."""
        if _CAN_FORK:
            self._template(libraries, other=False)

    def start(self, libraries: tuple[str, ...] = (), threads: int | None = None, other: bool = False) -> Worker:
        """Start a process that waits for work.

        Args:
            libraries: Heavy libraries that the work imports. They are imported once for all processes of this context.
            threads: How many threads the numeric libraries get at most; None: as many as they choose.
            other: Whether the process must differ from those started without this in all that Python chooses at
                random as it starts, such as the hashes of strings and so the order of sets.

        Raises:
            LmbenchError: The context has ended, or a process cannot be started.
        """
        worker = Worker(self._fork(libraries, threads, other) if _CAN_FORK else SpawnedProcess(threads))
        with self._lock:
            self._started.add(worker)
            has_ended = self._has_ended
        if has_ended:
            worker.end()
        return worker

    def _fork(self, libraries: tuple[str, ...], threads: int | None, other: bool) -> Process:
        for _ in range(3):  # a template may have been killed, and a library may end the process that imports it
            template = self._template(libraries, other)
            try:
                return template.fork(threads)
            except (EOFError, OSError) as error:
                reason = error
                self._discard(template)
        raise LmbenchError(f"a process cannot be started: {reason or 'it ended at once'}")

    def _template(self, libraries: tuple[str, ...], other: bool) -> Template:
        with self._lock:
            if self._has_ended:
                raise LmbenchError("the run is ending, and starts no more processes")
            names = tuple(sorted(set(libraries)))
            key = (() if names in self._unusable else names, other)
            if key not in self._templates:
                self._templates[key] = Template(key[0])
            return self._templates[key]

    def _discard(self, template: Template) -> None:
        template.end()
        with self._lock:
            self._templates = {key: other for key, other in self._templates.items() if other is not template}
            if not template.is_ready:
                self._unusable.add(template.libraries)


class Template:
    """A process that imports libraries, uses nothing of them, and forks worker processes.

    Attributes:
        libraries: The libraries; one that cannot be imported is left out.
        is_ready: Whether it has imported them, and has forked a process.
    """

    def __init__(self, libraries: tuple[str, ...]) -> None:
        self._requests, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self.libraries, self.is_ready = libraries, False
        with requests:
            number = requests.fileno()
            code = f"from lmbench.runs.templates import serve; serve({number}, {libraries})"
            self._process = start_python(code, [number])

    def fork(self, threads: int | None) -> Process:
        """Return a new process that waits for work.

        Raises:
            EOFError: The template has ended.
            OSError: The template has ended or does not answer, or this process has too many open files.
        """
        pipes, their_pipes = open_pipes()
        control, their_control = Pipe()
        ends = (their_control, their_pipes.work, their_pipes.messages, their_pipes.output)
        try:
            self._request(threads or 0, [end.fileno() for end in ends])
        finally:
            for end in ends:
                end.close()
        return _ForkedProcess(pipes, control)

    def end(self) -> None:
        """End the template. The processes that it has forked stay."""
        self._process.kill()
        self._process.wait()
        with self._lock:
            self._requests.close()

    def _request(self, threads: int, files: list[int]) -> None:
        with self._lock:
            if not self.is_ready:
                self._requests.settimeout(_SLOWEST_IMPORT)
                if not self._requests.recv(1):
                    raise EOFError
                self.is_ready = True
            socket.send_fds(self._requests, [str(threads).encode()], files)


class _ForkedProcess:
    """A process that a template has forked, with its supervisor.

    Args:
        pipes: The ends of its pipes.
        control: The connection to the supervisor.
    """

    def __init__(self, pipes: Pipes, control: Connection) -> None:
        self.pipes, self._control = pipes, control
        self._supervisor, self._worker = (int(_receive(control)) for _ in range(2))
        self._lock = threading.Lock()
        self._code: int | None = None

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended, with all that it has started, and return whether it has."""
        return self._code is not None or self._control.poll(seconds)

    def end(self) -> int:
        """End the process and all that it has started, and return its exit code, or minus the signal that ended it."""
        with self._lock:
            if self._code is None:
                self._code = self._end()
            return self._code

    def resident_bytes(self) -> int:
        """Return the resident memory of the process and of all that it has started."""
        try:
            worker, supervisor = psutil.Process(self._worker), psutil.Process(self._supervisor)
            others = [process for process in supervisor.children(recursive=True) if process != worker]
        except psutil.Error:
            return 0
        return resident_bytes(worker, others)

    def _end(self) -> int:
        try:
            with suppress(BrokenPipeError):  # it has ended
                self._control.send_bytes(b"end")
            return int(_receive(self._control))
        except (EOFError, OSError):  # the supervisor was killed, and the process with it
            return -signal.SIGKILL


def _receive(control: Connection) -> bytes:
    return control.recv_bytes(64)


def serve(requests: int, libraries: tuple[str, ...]) -> NoReturn:
    """Be a template: import the libraries, and fork worker processes on request.

    Args:
        requests: A socket. Each request is a number of threads, 0 for as many as the libraries choose, and the
            process's ends of its connections.
        libraries: The names of the libraries.
    """
    import_libraries((*OWN_MODULES, *libraries))
    with suppress(Exception):  # the work that needs a model says why it cannot be found
        list_registered()  # every process looks a model up
    gc.collect()
    gc.freeze()  # else the first collection of each process would copy all objects
    with socket.socket(fileno=requests) as connection:
        connection.send(b"1")
        while True:
            request, files, *_ = socket.recv_fds(connection, 16, 4, socket.MSG_CMSG_CLOEXEC)
            if not request:
                os._exit(0)
            _fork(connection, int(request) or None, files)


def _fork(requests: socket.socket, threads: int | None, files: list[int]) -> None:
    if os.fork() == 0:
        try:
            requests.close()
            control, work, messages, output = files
            ends = Pipes(
                Connection(work, writable=False), *(Connection(end, readable=False) for end in (messages, output))
            )
            _supervise(Connection(control), ends, threads)
        except BaseException:  # noqa: BLE001  (a model may have broken even what reports its errors)
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    for file in files:
        os.close(file)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(control: Connection, pipes: Pipes, threads: int | None) -> None:
    """Fork the worker process, wait until it ends or must end, and end all that it leaves."""
    _set(_SET_CHILD_SUBREAPER, 1)
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        control.close()
        _be_worker(supervisor, pipes, threads)
    pipes.close()
    for process in (supervisor, worker):
        control.send_bytes(str(process).encode())
    threading.Thread(target=_kill_on_request, args=(control, worker), daemon=True).start()
    ending = os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)  # its number stays taken
    _end_children()
    if ending is not None:
        code = ending.si_status if ending.si_code == os.CLD_EXITED else -ending.si_status
        control.send_bytes(str(code).encode())
    os._exit(0)


def _be_worker(supervisor: int, pipes: Pipes, threads: int | None) -> NoReturn:
    _set(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    os.setsid()  # signals of the process to its group reach no other one
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()  # else all processes would draw the same numbers
    work(pipes, threads)


def _kill_on_request(control: Connection, worker: int) -> None:
    """End the worker process if the run's process asks for it or ends."""
    with suppress(EOFError, OSError):
        control.recv_bytes(64)
    os.kill(worker, signal.SIGKILL)


def _end_children() -> None:
    """End all children of this process, and their children, which become its own."""
    while children := psutil.Process().children():
        for child in children:
            with suppress(psutil.Error):
                child.kill()
        for child in children:
            child.wait()


def _set(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
