"""The package of `lmbench new-task` installs and passes its tests as it is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lmbench.cli.task_scaffold import KINDS, write_task_package
from lmbench.errors import LmbenchError
from tests.cli.commands import assert_refused

ROOT = Path(__file__).parents[2]


def test_the_packages_install_and_pass_as_they_are(tmp_path):
    folders = [write_task_package(f"my-{kind}", tmp_path, kind) for kind in KINDS]
    target = tmp_path / "site"
    options = ["-q", "--no-deps", "--no-build-isolation", "--target", target]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *folders], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(target)}
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders]
    result = subprocess.run(tests, capture_output=True, text=True, env=environment, cwd=target)
    assert re.search(r"^2 passed", result.stdout, flags=re.MULTILINE), result.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_of_a_package_is_in_order(kind, tmp_path):
    ruff = [sys.executable, "-m", "ruff"]
    folder = write_task_package("my-task", tmp_path, kind)
    settings = ["--config", ROOT / "pyproject.toml", "--no-cache"]
    subprocess.run([*ruff, "check", *settings, "--ignore", "ANN", "--ignore", "I001", folder], check=True)
    subprocess.run([*ruff, "format", *settings, "--check", folder], check=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My Task", "cannot name a task; use lowercase letters, digits and hyphens, as in my-task"),
        ("copa", "a task of lmbench-suite is called 'copa'; choose another name"),
        ("all", "'all' means all tasks"),
        ("twice", "lmbench-twice already exists"),
    ],
)
def test_malformed_and_taken_names_are_refused(tmp_path, name, message):
    (tmp_path / "lmbench-twice").mkdir()
    with pytest.raises(LmbenchError, match=message):
        write_task_package(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lmbench-twice"]


def test_the_command_refuses_a_taken_name_in_one_line(tmp_path):
    assert_refused(["new-task", "fables-qa"], "a task of lmbench-suite is called 'fables-qa'", tmp_path)
