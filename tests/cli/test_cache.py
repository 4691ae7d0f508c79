import os
import re

import pytest

from lmbench.converted import ConvertedModels
from lmbench.progress import SILENT
from lmbench.runs.records import Verification
from lmbench.runs.verdicts import keep_verdict
from tests.cli.commands import lmbench

LISTED = r" *[\d.]+ KiB +[\d.]+ s +[\d.]+ s +[\d.]+ s  kenlm:order=2 on fables-en"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_models_are_stored_listed_pruned_and_cleared(folder, tmp_path):
    assert lmbench("cache").stdout.splitlines() == [
        f"0 fitted models, 0 B of at most 10 GiB in {folder}/models",
        "0 verdicts of the conformance suite",
    ]
    (tmp_path / "x.txt").write_text("the fox\n")
    first, second = (lmbench("score", "kenlm:order=2", tmp_path / "x.txt", "--corpus", "fables-en") for _ in range(2))
    assert first.stdout == second.stdout
    assert "was fitted on" not in first.stderr
    assert "and stored; --refit fits it again" in second.stderr
    _, listed, total, _ = lmbench("cache").stdout.splitlines()
    assert re.fullmatch(LISTED, listed)
    assert re.match(r"1 fitted model, [\d.]+ KiB of at most 10 GiB", total)
    assert lmbench("cache", "prune", "--max-size", "10M").stdout == "Removed 0 fitted models, 0 B.\n"
    assert lmbench("cache", "prune", "--max-size", "1K").stdout.startswith("Removed 1 fitted model, ")
    keep_verdict(Verification(model="m", key="0" * 64, doubt="", outcomes=()))
    assert lmbench("cache", "clear").stdout.splitlines() == [
        "Removed 0 fitted models, 0 B.",
        "Removed 1 verdict of the conformance suite.",
    ]
    assert [file for file in folder.rglob("*") if file.is_file()] == []


def test_converted_models_are_listed_and_cleared(folder):
    def convert(place):
        (place / "model.safetensors").write_bytes(bytes(2048))

    ConvertedModels(folder / "converted").find("k", "tiny.gguf", convert, SILENT)
    _, listed, _, total, _ = lmbench("cache").stdout.splitlines()
    assert re.fullmatch(r" *2[.\d]* KiB +converted +[\d.]+ s +tiny.gguf", listed)
    assert re.fullmatch(rf"1 converted model, 2[.\d]* KiB in {folder}/converted", total)
    assert re.match(r"Removed 1 converted model, 2[.\d]* KiB\.$", lmbench("cache", "clear").stdout.splitlines()[1])
    assert [file for file in folder.rglob("*") if file.is_file()] == []


def test_unfinished_conversions_are_listed_and_cleared(folder):
    unfinished = folder / "converted" / ".k-1-abc" / "k-1"
    unfinished.mkdir(parents=True)
    (unfinished / "model.safetensors").write_bytes(bytes(2048))
    (folder / "converted" / "l.lock").touch()
    assert f"unfinished conversions, 2 KiB in {folder}/converted" in lmbench("cache").stdout.splitlines()
    assert "Removed unfinished conversions, 2 KiB." in lmbench("cache", "clear").stdout.splitlines()
    assert list((folder / "converted").iterdir()) == []
    assert "unfinished conversions" not in lmbench("cache").stdout + lmbench("cache", "clear").stdout


def test_a_damaged_model_is_listed_as_one(folder, tmp_path):
    (tmp_path / "x.txt").write_text("the fox\n")
    lmbench("score", "kenlm:order=2", tmp_path / "x.txt", "--corpus", "fables-en")
    [entry] = folder.glob("models/*/entry.json")
    os.truncate(entry, 9)
    assert f"damaged, or of another version of lmbench: {entry.parent.name}" in lmbench("cache").stdout


def test_answers_of_servers_are_listed_and_cleared(folder):
    folder.mkdir()
    (folder / "answers.sqlite").write_bytes(b"x" * 2048)
    assert f"answers of servers, 2 KiB in {folder}/answers.sqlite" in lmbench("cache").stdout.splitlines()
    assert "Removed the answers of servers, 2 KiB." in lmbench("cache", "clear").stdout.splitlines()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size", ["", "x", "-1", "0", "10T"])
def test_other_sizes_are_refused(folder, size):
    result = lmbench("cache", "prune", "--max-size", size)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"Error: '{size}' is not a size; write for example 512M or 1G\n"
