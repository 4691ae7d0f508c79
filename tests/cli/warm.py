"""A process that has imported lmbench and forks commands, so that a test pays for what its command does alone.

A forked command has what a process of its own would have: its arguments, its folder, its environment, its standard
streams, its exit code, and what is registered to be done at its exit. It differs in what Python and libraries do as
they start: they have read the environment of the server, and all commands of a server have the same hashes of strings.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import lmbench

_LIBRARIES = ("pandas", "pyarrow.parquet", "pyarrow.compute", "rich.progress", "scipy.special", "tabulate")
_LEFT_OUT = (
    "lmbench.__main__", "lmbench.lm_eval_adapter", "lmbench.backends.neural", "lmbench.backends.ngrams.nltk_",
)  # fmt: skip
"""Modules that few commands need, and that take seconds to import."""

_READ_AT_START = re.compile(r"PYTHON.*|LANG.*|LC_.*|HF_.*|TRANSFORMERS_.*")
"""Variables that Python or a library reads as it starts."""


class Server:
    """Runs one command after the other. It ends with this process."""

    def __init__(self) -> None:
        self._environment = _read_at_start(os.environ)
        self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            code = f"from tests.cli.warm import serve; serve({other.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                cwd=Path(__file__).parents[2],
            )

    def can_run_in(self, environment) -> bool:
        """Return whether a command would find the environment as Python and the libraries have read it."""
        return _read_at_start(environment) == self._environment

    def run(self, arguments, cwd, environment, files) -> int:
        """Run a command and return its exit code, or minus the signal that ended it.

        Args:
            arguments: Its arguments.
            cwd: Its folder.
            environment: Its environment.
            files: The files that are its standard input, output and error output.
        """
        request = json.dumps([arguments, str(cwd), dict(environment)]).encode()
        socket.send_fds(self._connection, [request], [file.fileno() for file in files])
        return int(self._connection.recv(64))

    def end(self) -> None:
        """End the server."""
        self._connection.close()
        self._process.wait()


def _read_at_start(environment):
    return {name: value for name, value in environment.items() if _READ_AT_START.fullmatch(name)}


def serve(number) -> None:
    """Import lmbench, use nothing of it, and fork a process for each command.

    Args:
        number: The file descriptor of the connection to the process that asks.
    """
    codes = []
    atexit.register(_leave, codes)  # before the libraries register anything, so that it is done last
    modules = [module.name for module in pkgutil.walk_packages(lmbench.__path__, "lmbench.")]
    for name in (*_LIBRARIES, *modules):
        if not name.startswith(_LEFT_OUT):
            with suppress(ImportError):  # a command that needs it says why
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else the first collection of each process would copy all objects
    connection = socket.socket(fileno=number)
    while True:
        request, files, *_ = socket.recv_fds(connection, 1 << 20, 3)
        if not request:
            os._exit(0)
        if (process := os.fork()) == 0:
            connection.close()
            _prepare(*json.loads(request), files)
            return _run_command(codes)
        for file in files:
            os.close(file)
        _, status = os.waitpid(process, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run_command(codes) -> None:
    from lmbench.cli.main import main

    try:
        main()
    except SystemExit as stop:
        codes.append(stop.code)
        raise


def _leave(codes) -> None:
    """End this process without taking all modules apart, which takes longer than most commands."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


def _prepare(arguments, cwd, environment, files) -> None:
    """Give this process what a command starts with."""
    sys.argv[1:] = arguments
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115  (whether a file can seek is remembered)
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()  # else all processes would draw the same numbers
