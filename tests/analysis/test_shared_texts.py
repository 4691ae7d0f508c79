import re

import numpy as np
import pytest

from lmbench.analysis.comparison import RunModel, compare_models, compare_runs
from lmbench.errors import ResultsError
from tests.analysis.crafted import NOISE, add, add_broken, compare_two, new_run, pair_of_runs
from tests.report.cells import text


def test_cells_without_comparable_numbers_do_not_stop_the_others(tmp_path):
    names = ("c", "failing", "pseudo", "impossible", "missing", "damaged", "lacking", "empty")
    directory = new_run(tmp_path / "run", *map(text, names))
    for name in names[:-1]:
        add(directory, "b", 200 + NOISE, corpus=name)
    add(directory, "a", 200 - NOISE)
    add_broken(directory, "a", "failing", error="boom")
    add(directory, "a", 200 - NOISE, corpus="pseudo", pseudo=True)
    add(directory, "a", 200 - NOISE, corpus="impossible", impossible=True, doubt="too good")
    for name in ("missing", "damaged"):
        add(directory, "a", 200 - NOISE, corpus=name)
    for file in (directory.path / "cells/a-on-missing").iterdir():
        file.unlink()
    (directory.path / "cells/a-on-missing").rmdir()
    (directory.path / "cells/a-on-damaged/documents.parquet").write_bytes(b"")
    compared = compare_two(directory)
    assert [pair.corpus.name for pair in compared.pairs] == ["c"]
    reasons = {refusal.corpus: refusal.reason for refusal in compared.refusals}
    assert reasons.keys() == {*names} - {"c", "empty"}
    assert reasons["failing"] == "a failed: boom"
    assert reasons["pseudo"] == "the scores of a are not probabilities of a text"
    assert reasons["impossible"] == "the numbers of a are impossible: too good"
    assert "is missing" in reasons["missing"]
    assert "checksum" in reasons["damaged"]
    assert reasons["lacking"].endswith("does not have a on it")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test_fingerprint": "e" * 64, "test_bytes": 9}, "the test texts differ .*1,234 bytes.*f{12}, and 9 bytes"),
        ({"tokenized": False}, "the test text is tokenized in one run alone"),
        ({"provenance": "lines,limit=5"}, "the test text was read in two ways: as lines and as lines,limit=5"),
        (
            {"provenance": "lines,scored=valid", "test_fingerprint": "e" * 64},
            "read as lines and as lines,scored=valid",
        ),
    ],
)
def test_other_texts_of_the_same_name_are_refused(tmp_path, changes, reason):
    before, after = pair_of_runs(tmp_path, text(), text(**changes))
    compared = compare_runs(before, after)
    [refusal] = compared.refusals
    assert (refusal.corpus, refusal.model) == ("c", "")
    assert re.search(reason, refusal.reason)
    assert [pair.corpus.name for pair in compared.pairs] == ["both"]
    with pytest.raises(ResultsError, match=f"^nothing can be compared: c: .*{reason}"):
        compare_models(RunModel(before, "a"), RunModel(after, "a"), corpora=["c"])


def test_the_same_bytes_in_other_documents_are_refused(tmp_path):
    before, after = new_run(tmp_path / "x"), new_run(tmp_path / "y")
    add(before, "a", 200 + NOISE)
    add(after, "a", 400 + NOISE[:6], np.full(6, 200))
    with pytest.raises(ResultsError, match=r"c: the test text is divided into other documents \(12 and 6\)"):
        compare_runs(before, after)


@pytest.mark.parametrize(
    "changes", [{"train_fingerprint": "9"}, {"valid_fingerprint": "9", "provenance": "lines,valid=last-10%-of-train"}]
)
def test_other_training_texts_are_compared(tmp_path, changes):
    before, after = pair_of_runs(tmp_path, text(), text(**changes))
    compared = compare_runs(before, after)
    assert {pair.corpus.name: pair.is_trained_differently for pair in compared.pairs} == {"c": True, "both": False}
    assert compared.refusals == ()


def test_cells_that_contradict_each_other_are_refused(run):
    add(run, "other", 400 + NOISE[:6], np.full(6, 200))
    with pytest.raises(ResultsError, match="has other documents than another cell"):
        compare_two(run)
