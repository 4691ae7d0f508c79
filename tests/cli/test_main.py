import os
import subprocess
import sys

import pytest

from tests.cli.commands import CODE, assert_refused, lmbench

COMMANDS = ("run", "report", "models", "corpora", "score", "generate", "export", "inspect", "check", "new-model")


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
        "import sys, lmbench.cli.main; "
        "heavy = ('matplotlib', 'numpy', 'pandas', 'pyarrow', 'pydantic', 'regex', 'rich', 'torch'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_the_package_can_be_run_as_a_module():
    result = subprocess.run([sys.executable, "-m", "lmbench", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("lmbench, version ")


def test_an_unknown_command_is_refused(tmp_path):
    assert_refused(["rum"], "unknown command 'rum'; did you mean 'run'?", tmp_path)


def test_a_closed_pipe_is_not_an_error(tmp_path):
    (tmp_path / "x.txt").write_text("x" * 300_000)
    command = f'"{sys.executable}" -c "{CODE}" score uniform x.txt | head -1'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert result.stderr == ""


def test_offline_nothing_is_downloaded(tmp_path):
    home = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "LMBENCH_MIRROR": ""}
    model = lmbench("--offline", "generate", "hf:no-such-owner/no-such-model", env=home)
    corpus = lmbench("--offline", "generate", "uniform", "--corpus", "wikitext-2", env=home)
    for result, message in ((model, "the hub is not contacted (offline)"), (corpus, "--offline downloads nothing")):
        assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
        assert message in result.stderr
