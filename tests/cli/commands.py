"""Run the command line as a user does, in a process of its own."""

import subprocess
import sys

CODE = "from lmbench.cli.main import main; main()"


def lmbench(*arguments, **options):
    """Run a command and return its exit code and its output; the options are those of subprocess.run."""
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        **{"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options},
    )


def start(*arguments, cwd, code=CODE):
    """Start a command in a session of its own, so that signals can be sent to all of its processes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def without_steps(errors):
    """Return the lines that a command printed on standard error, without the steps of a run's preparation."""
    steps = {"resolving models", "loading corpora", "reading the texts", "writing the tables"}
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
