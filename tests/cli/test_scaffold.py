"""The package of `lmbench new-model` installs and passes its tests, as it is and with the tutorial's model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lmbench import build, evaluate, load_corpus
from lmbench.checks import CHECKS
from lmbench.cli.scaffold import KINDS, write_package
from lmbench.errors import LmbenchError
from tests.cli.commands import assert_refused, lmbench

ROOT = Path(__file__).parents[2]


def install_and_test(folders, target, not_applicable):
    """Install packages into `target` without a network, and run their own tests on that.

    Args:
        folders: The packages.
        target: An empty or new folder.
        not_applicable: How many of the tests are skipped.

    Returns:
        The environment of commands that find the packages.
    """
    options = ["-q", "--no-deps", "--no-build-isolation", "--target", target]
    pip = [sys.executable, "-m", "pip", "install", *options, *folders]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    environment = os.environ | {"PYTHONPATH": str(target)}
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders]
    result = subprocess.run(tests, capture_output=True, text=True, env=environment, cwd=target)
    assert result.returncode == 0, result.stdout
    passed, skipped = map(int, re.search(r"(\d+) passed, (\d+) skipped", result.stdout).groups())
    assert (passed + skipped, skipped) == (len(CHECKS) * len(folders), not_applicable)
    return environment


def read_code(page):
    """Return the blocks of Python code on a page of the manual."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)


def test_the_packages_install_and_pass_as_they_are_and_with_the_tutorials_models(tmp_path):
    folders = [write_package(f"my-{kind}", tmp_path, kind) for kind in KINDS]
    cache, lstm = write_package("byte-cache", tmp_path), write_package("my-lstm", tmp_path, "words")
    _, code, _ = read_code("plugins.md")
    (cache / "lmbench_byte_cache.py").write_text(code)
    test = cache / "test_lmbench_byte_cache.py"
    test.write_text(test.read_text().replace('"byte-cache"', '"byte-cache:weight=0.5"'))
    (lstm / "lmbench_my_lstm.py").write_text("\n\n".join(read_code("words-plugin.md")))
    environment = install_and_test([*folders, cache, lstm], tmp_path / "site", not_applicable=1 + 1 + 7 + 1 + 1)
    listed = lmbench("models", env=environment).stdout
    for kind, summary in zip(
        KINDS, ("Bigram model of bytes", "Neural bigram model", "Pretrained unigram"), strict=True
    ):
        assert re.search(rf"my-{kind} +{summary}.*\[lmbench-my-{kind} 0.1.0\]", listed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_of_a_package_is_in_order(kind, tmp_path):
    ruff = [sys.executable, "-m", "ruff"]
    folder = write_package("my-model", tmp_path, kind)
    settings = ["--config", ROOT / "pyproject.toml", "--no-cache"]
    subprocess.run([*ruff, "check", *settings, "--ignore", "ANN", "--ignore", "I001", folder], check=True)
    subprocess.run([*ruff, "format", *settings, "--check", folder], check=True)


def test_the_words_of_a_package_learn_from_the_word_before(tmp_path):
    """A bigram model needs fewer bits than one of single words, and not many more than a smoothed bigram."""
    namespace = {"__name__": "words"}
    exec((write_package("x", tmp_path, "words") / "lmbench_x.py").read_text(), namespace)
    corpus = load_corpus("fables-en")
    single, smoothed, own = (
        evaluate(model, corpus).metrics.bits_per_byte
        for model in (build("kenlm:order=1"), build("kenlm:order=2"), namespace["XModel"]())
    )
    assert smoothed < own < smoothed + 0.2 * (single - smoothed)


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
    result = lmbench("new-model", "my-model", "--kind", "words", cwd=tmp_path)
    assert result.stdout.startswith("Written: lmbench-my-model. Install it and run its tests: cd lmbench-my-model && ")
    assert (tmp_path / "lmbench-my-model/README.md").is_file()
    assert "Lexicon" in (tmp_path / "lmbench-my-model/lmbench_my_model.py").read_text()
