"""The package of `lmbench new-model` installs and passes its tests, as it is and with the tutorial's model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lmbench.checks import CHECKS
from lmbench.cli.scaffold import write_package
from lmbench.errors import LmbenchError
from tests.cli.commands import assert_refused, lmbench

TUTORIAL = Path(__file__).parents[2] / "docs/plugins.md"


def install_and_test(folder, target, not_applicable=2):
    """Install the package into `target` without a network, and run its own tests on that."""
    options = ["-q", "--no-deps", "--no-build-isolation", "--target", target]
    pip = [sys.executable, "-m", "pip", "install", *options, folder]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    environment = os.environ | {"PYTHONPATH": str(target)}
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
    result = subprocess.run(tests, capture_output=True, text=True, env=environment, cwd=target)
    assert result.returncode == 0, result.stdout
    passed, skipped = map(int, re.search(r"(\d+) passed, (\d+) skipped", result.stdout).groups())
    assert (passed + skipped, skipped) == (len(CHECKS), not_applicable)
    return environment


def test_the_package_installs_and_passes_as_it_is(tmp_path):
    folder = write_package("my-model", tmp_path)
    environment = install_and_test(folder, tmp_path / "site")
    listed = lmbench("models", env=environment).stdout
    assert re.search(r"my-model +Unigram model of bytes.*\[lmbench-my-model 0.1.0\]", listed)


def test_the_simplest_model_is_at_most_20_lines_of_code(tmp_path):
    code = (write_package("x", tmp_path) / "lmbench_x.py").read_text()
    lines = [line for line in code.splitlines() if line.strip() and not line.strip().startswith('"""')]
    assert len(lines) <= 20


def test_the_tutorials_model_installs_and_passes(tmp_path):
    folder = write_package("byte-cache", tmp_path)
    _, code = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), flags=re.DOTALL)
    (folder / "lmbench_byte_cache.py").write_text(code)
    environment = install_and_test(folder, tmp_path / "site", not_applicable=1)
    result = lmbench("check", "byte-cache:weight=0.5", env=environment)
    assert "byte-cache:weight=0.5 is verified." in result.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My Model", "cannot name a model; use lowercase letters"),
        ("../x", "cannot name a model"),
        ("kenlm", "a model of lmbench-suite is called 'kenlm'; choose another name"),
        ("all", "'all' means all models"),
        ("twice", "lmbench-twice already exists"),
    ],
)
def test_malformed_and_taken_names_are_refused(tmp_path, name, message):
    (tmp_path / "lmbench-twice").mkdir()
    with pytest.raises(LmbenchError, match=message):
        write_package(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lmbench-twice"]


def test_the_command_refuses_a_taken_name_in_one_line(tmp_path):
    assert_refused(["new-model", "kenlm"], "a model of lmbench-suite is called 'kenlm'", tmp_path)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def fill_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_disk)
    with pytest.raises(LmbenchError, match=r"cannot write .*/lmbench-my-model: No space left on device"):
        write_package("my-model", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_to_do_next(tmp_path):
    result = lmbench("new-model", "my-model", cwd=tmp_path)
    assert result.stdout.startswith("Written: lmbench-my-model. Install it and run its tests: cd lmbench-my-model && ")
    assert (tmp_path / "lmbench-my-model/README.md").is_file()
