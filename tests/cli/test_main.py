import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lmbench.printable import printable_lines
from tests.cli.commands import CODE, assert_refused, lmbench

COMMANDS = (
    "run",
    "report",
    "compare",
    "models",
    "corpora",
    "score",
    "surprisal",
    "generate",
    "export",
    "inspect",
    "check",
    "new-model",
)


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_help_has_examples(command):
    result = lmbench(*command, "--help")
    assert result.returncode == 0
    assert "Example" in result.stdout
    assert "lmbench" in result.stdout.split("Example")[1]


def test_help_lists_every_command_in_full():
    result = lmbench("--help")
    assert all(f"\n  {command} " in result.stdout for command in COMMANDS)
    assert "..." not in result.stdout.split("Commands:")[1]


def test_lmbench_alone_shows_its_help():
    result = lmbench()
    assert result.returncode == 0
    assert result.stdout == lmbench("--help").stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys, lmbench.cli.commands; "
        "heavy = ('numpy', 'pandas', 'pyarrow', 'pydantic', 'regex', 'rich', 'torch', 'vl_convert'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_the_package_can_be_run_as_a_module():
    result = subprocess.run([sys.executable, "-m", "lmbench", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("lmbench, version ")


def test_a_closed_pipe_is_not_an_error(tmp_path):
    (tmp_path / "x.txt").write_text("x" * 300_000)
    cache = os.environ | {"LMBENCH_CACHE": str(tmp_path / "cache")}  # a stored model would be announced
    command = f'"{sys.executable}" -c "{CODE}" score uniform x.txt | head -1'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, env=cache, check=True)
    assert result.stderr == ""


def test_offline_nothing_is_downloaded(tmp_path):
    home = {**os.environ, "LMBENCH_CACHE": str(tmp_path), "LMBENCH_MIRROR": ""}
    model = lmbench("--offline", "generate", "hf:no-such-owner/no-such-model", env=home)
    corpus = lmbench("--offline", "generate", "uniform", "--corpus", "wikitext-2", env=home)
    for result, message in ((model, "the hub is not contacted (offline)"), (corpus, "--offline downloads nothing")):
        assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
        assert message in result.stderr


@pytest.mark.parametrize(
    ("number", "line", "code"),
    [(signal.SIGINT, "Interrupted.", 130), (signal.SIGTERM, "Terminated.", 143), (signal.SIGHUP, "Hung up.", 129)],
)
def test_a_signal_during_the_first_imports_is_one_line(number, line, code):
    sends = f"""
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "click":
            os.kill(os.getpid(), {int(number)})
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
{CODE}
"""
    result = subprocess.run([sys.executable, "-c", sends], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (code, f"{line}\n")


def test_the_entry_point_imports_next_to_nothing():
    code = (
        "import sys, lmbench.cli.main; print([name for name in ('click', 'typing', 'pydantic') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env={"PYTHONPATH": "."})
    assert result.stdout == "[]\n", result.stderr


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path):
    name = "\x1b]52;c;x\x07\u202e\x9b\u2028\n."
    assert_refused(["run", "--models", f"x{name}"], "\\x1b]52;c;x\\x07\\u202e\\x9b\\u2028\\n.'", tmp_path)
    result = lmbench("corpora", "show", f"{name}.txt", cwd=tmp_path)
    assert result.returncode == 2
    assert printable_lines(result.stderr) == result.stderr


def test_a_terminal_of_another_encoding_shows_escapes(tmp_path):
    (tmp_path / "x.txt").write_text("汉\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = lmbench("score", "uniform", "x.txt", "--corpus", "fables-en", cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    result = lmbench("corpora", "show", "fables-zh", env=environment)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system does not have /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        result = lmbench("models", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (2, "Error: output: No space left on device\n")
