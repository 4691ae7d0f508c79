import re

import numpy as np
import pytest

from lmbench.analysis.comparison import Refusal, compare_runs
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.runs.store import RunDirectory
from tests.analysis.crafted import NOISE, add, add_broken, compare_two, model_record, new_run, pair_of_runs
from tests.report.cells import text


def test_seeds_of_a_model_are_compared_together(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        record = model_record(f"a:seed={seed}", {"seed": seed})
        add(directory, f"a:seed={seed}", 200 + NOISE + seed, model=record)
    add(directory, "b", 190 + NOISE)
    [pair] = compare_two(directory).pairs
    assert len(pair.model.cells) == 2
    assert pair.comparison.difference.value == pytest.approx(10.5 / 100)
    with pytest.raises(UnknownNameError, match=re.escape("unknown model of") + ".*'a:seed=0'.*known: a, b"):
        compare_two(directory, "a:seed=0")


def test_shares_of_the_training_text_are_models_of_their_own(run):
    add(run, "a", 210 + NOISE, train_size="10%")
    [pair] = compare_two(run, "a (10% of train)", "a").pairs
    assert pair.comparison.difference.value == pytest.approx(0.13)


def test_unknown_names_are_refused(run):
    with pytest.raises(UnknownNameError, match=r"unknown model of .*run 'aa'; did you mean 'a'"):
        compare_two(run, "aa")
    with pytest.raises(UnknownNameError, match=r"unknown corpus of .*run 'd' \(known: c\)"):
        compare_two(run, corpora=["d"])
    with pytest.raises(UnknownNameError, match=r"unknown model of these runs 'aa'"):
        compare_runs(run, run, ["aa"])
    with pytest.raises(UnknownNameError, match="unknown corpus of these runs 'd'"):
        compare_runs(run, RunDirectory.open(run.path), corpora=["d"])


def test_if_nothing_can_be_compared_the_reason_is_an_error(run):
    add_broken(run, "broken", error="boom")
    with pytest.raises(ResultsError, match=r"^nothing can be compared: c: broken failed: boom$"):
        compare_two(run, "broken")


def test_runs_are_compared_row_by_row(tmp_path):
    before, after = new_run(tmp_path / "x", text(), text("old")), new_run(tmp_path / "y", text(), text("new"))
    for directory, change in ((before, 0), (after, 5)):
        add(directory, "same", 200 + NOISE)
        add(directory, "worse", 200 + NOISE + change)
    add(before, "gone", 200 + NOISE)
    add(before, "worse", 200 + NOISE, corpus="old")
    add(after, "added", 200 + NOISE)
    add(after, "worse", 200 + NOISE, corpus="new")
    add(before, "broken", 200 + NOISE)
    add_broken(after, "broken")
    compared = compare_runs(before, after)
    assert [(pair.model.label, pair.verdict) for pair in compared.pairs] == [("same", "same"), ("worse", "worse")]
    assert compared.pairs[1].comparison.difference.value == pytest.approx(0.05)
    assert compared.refusals == (Refusal("c", "broken", "broken failed: why"),)
    assert compared.only_before == (("c", "gone"), ("old", "worse"))
    assert compared.only_after == (("c", "added"), ("new", "worse"))


def test_rows_can_be_chosen(tmp_path):
    before, after = pair_of_runs(tmp_path, text(), text())
    for directory in (before, after):
        add(directory, "b", 200 + NOISE)
    found = compare_runs(before, after, ["b"]).pairs, compare_runs(before, after, corpora=["both"]).pairs
    assert [[(pair.corpus.name, pair.model.label) for pair in pairs] for pairs in found] == [
        [("c", "b")],
        [("both", "a")],
    ]


def test_p_is_corrected_for_the_rows_of_a_corpus_that_differ(tmp_path):
    """By hand: Holm's method multiplies the smallest of three by 3, and the next by 2. Another corpus is alone."""
    before, after = new_run(tmp_path / "x", text(), text("d")), new_run(tmp_path / "y", text(), text("d"))
    shifts = {"same": 0 * NOISE, "i": NOISE - 4, "j": NOISE - 2, "k": NOISE}
    for label, shift in shifts.items():
        add(before, label, np.full(12, 200.0))
        add(after, label, 200 + shift)
    add(before, "i", np.full(12, 200.0), corpus="d")
    add(after, "i", 200 + shifts["i"], corpus="d")
    *pairs, alone = compare_runs(before, after).pairs
    found = {pair.model.label: (pair.comparison.difference.p, pair.comparison.adjusted_p) for pair in pairs}
    smallest, middle, largest = sorted(found[name] for name in "ijk")
    assert smallest[1] == pytest.approx(3 * smallest[0])
    assert middle[1] == pytest.approx(min(1, max(smallest[1], 2 * middle[0])))
    assert largest[1] == pytest.approx(max(middle[1], largest[0]))
    assert alone.comparison.adjusted_p == alone.comparison.difference.p


def test_runs_without_a_row_in_common_are_refused(tmp_path):
    before, after = new_run(tmp_path / "x"), new_run(tmp_path / "y")
    add(before, "a", 200 + NOISE)
    add(after, "b", 200 + NOISE)
    with pytest.raises(ResultsError, match="nothing can be compared: the runs do not have a row in common"):
        compare_runs(before, after)
