"""Run the command line as a user does, in a process of its own."""

import atexit
import os
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from tests.cli.warm import Server

CODE = "from lmbench.cli.main import main; main()"


def lmbench(*arguments, fresh=False, **options):
    """Run a command and return its exit code and its output.

    Its process is forked from one that has imported lmbench, as tests/cli/warm.py explains, unless the command needs
    other options, or an environment that differs in what Python or libraries read as they start.

    Args:
        arguments: The arguments.
        fresh: Whether the process must be a fresh one.
        options: Those of subprocess.run.
    """
    arguments, environment = list(map(str, arguments)), options.get("env", os.environ)
    if sys.platform == "linux" and not fresh and options.keys() <= {"cwd", "env", "stdin"}:
        server = _open_server()
        if server.can_run_in(environment):
            return _run(server, arguments, environment, options.get("cwd", "."), options.get("stdin"))
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        **{"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options},
    )


@cache
def _open_server():
    server = Server()
    atexit.register(server.end)
    return server


def _run(server, arguments, environment, cwd, stdin):
    with ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open())
        output, errors = (stack.enter_context(TemporaryFile("w+")) for _ in range(2))
        code = server.run(arguments, Path(cwd).absolute(), environment, (stdin or nothing, output, errors))
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


def start(*arguments, cwd, code=CODE, env=None):
    """Start a command in a session of its own, so that signals can be sent to all of its processes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def without_steps(errors):
    """Return the lines that a command printed on standard error, without the steps of a run's preparation."""
    steps = {"resolving models", "loading corpora", "loading tasks", "reading the texts", "writing the tables"}
    return [line for line in errors.splitlines() if line not in steps]


def assert_refused(arguments, message, folder):
    """The command prints one line, exits with 2 and writes nothing into the folder, which has three unusable texts.

    A run may say before what it prepares.
    """
    (folder / "empty.txt").write_text("")
    (folder / "binary").write_bytes(b"\xff\xfe\0")
    (folder / "one.txt").write_text("one line")
    result = lmbench(*arguments, cwd=folder)
    assert result.returncode == 2, result.stderr
    [line] = without_steps(result.stderr)
    assert line.startswith("Error: ")
    assert message in result.stderr
    assert result.stdout == ""
    assert sorted(path.name for path in folder.iterdir()) == ["binary", "empty.txt", "one.txt"]
