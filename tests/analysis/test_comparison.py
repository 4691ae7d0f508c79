import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import permutation_test

from lmbench.analysis.comparison import Refusal, RunModel, compare_models, compare_runs
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.runs.store import RunDirectory
from tests.analysis.crafted import NOISE, SIZES, add, add_broken, model_record, new_run, text


def two(directory, model="a", baseline="b", **options):
    return compare_models(RunModel(directory, model), RunModel(directory, baseline), **options)


@pytest.fixture
def run(tmp_path):
    """A run with two models, of which the first needs 3 bits a document less, on average."""
    directory = new_run(tmp_path / "run")
    add(directory, "a", 200 + NOISE - 3)
    add(directory, "b", 200 - NOISE)
    return directory


def test_the_difference_is_that_of_the_documents(run):
    """By hand, from the files."""
    [pair] = two(run).pairs
    tables = [pq.read_table(run.path / f"cells/{name}-on-c/documents.parquet").to_pydict() for name in "ab"]
    first, second = (sum(table["bits"]) / sum(table["bytes"]) for table in tables)
    less = [one < other for one, other in zip(tables[0]["bits"], tables[1]["bits"], strict=True)]
    assert pair.model_rate == pytest.approx(first)
    assert pair.baseline_rate == pytest.approx(second)
    assert pair.comparison.difference.value == pytest.approx(first - second)
    assert pair.relative == pytest.approx((first - second) / second)
    assert (pair.comparison.wins, pair.comparison.losses) == (sum(less), len(less) - sum(less))


def test_p_is_that_of_scipys_permutation_test(run):
    """Documents of equal length, so that a ratio of sums is a mean."""
    [pair] = two(run).pairs
    bits = (200 + NOISE - 3, 200 - NOISE)
    expected = permutation_test(
        bits, lambda one, other, axis: np.mean(one - other, axis=axis), permutation_type="samples", vectorized=True
    )
    assert pair.comparison.difference.p == pytest.approx(expected.pvalue)
    assert pair.comparison.adjusted_p == pair.comparison.difference.p


def test_a_model_compared_with_itself_is_the_same(run):
    [pair] = two(run, "a", "a").pairs
    difference = pair.comparison.difference
    assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)
    assert (pair.comparison.wins, pair.comparison.losses, pair.relative, pair.verdict) == (0, 0, 0, "same")


def test_the_other_way_round_everything_has_the_other_sign(run):
    [pair], [back] = two(run).pairs, two(run, "b", "a").pairs
    assert back.comparison.difference.value == -pair.comparison.difference.value
    assert (back.comparison.difference.low, back.comparison.difference.p) == (
        pytest.approx(-pair.comparison.difference.high),
        pair.comparison.difference.p,
    )
    assert (back.comparison.wins, back.comparison.losses) == (pair.comparison.losses, pair.comparison.wins)


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [
        (200 + NOISE - 5, "better"),
        (200 + NOISE + 5, "worse"),
        (200 + NOISE + 0.01, "equal"),
        (200 - NOISE, "not shown"),
        (200 + NOISE, "same"),
        ((200 + NOISE) * (1 + 1e-12), "same"),
    ],
)
def test_verdicts(tmp_path, bits, verdict):
    directory = new_run(tmp_path / "run")
    add(directory, "a", bits)
    add(directory, "b", 200 + NOISE)
    [pair] = two(directory).pairs
    assert pair.verdict == verdict


def test_the_margin_decides_what_is_equal(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "a", 200 + NOISE - 5)
    add(directory, "b", 200 + NOISE)
    assert two(directory, margin=0.06).pairs[0].verdict == "equal"
    assert two(directory, margin=0.04).pairs[0].verdict == "better"


def test_few_documents_get_no_verdict(tmp_path):
    """Twelve documents, of which one is longer, count as 9.8. The difference is beyond doubt."""
    directory, sizes = new_run(tmp_path / "run"), np.array([300, *[100] * 11])
    add(directory, "a", 2.0 * sizes, sizes)
    add(directory, "b", 3.0 * sizes + 10 * NOISE, sizes)
    [pair] = two(directory).pairs
    assert pair.verdict == "too few"
    assert pair.comparison.difference.high < 0


def test_the_text_that_is_needed_shows_the_difference(run):
    """A text of this size has a standard error by which the difference is 2.80 times as large."""
    [pair] = two(run).pairs
    assert pair.verdict == "not shown"
    error = pair.comparison.difference.error * np.sqrt(SIZES.sum() / pair.bytes_needed)
    assert abs(pair.comparison.difference.value) == pytest.approx(2.80 * error)
    [pair] = two(run, margin=0.5).pairs
    assert pair.sought == 0.5


def test_seeds_of_a_model_are_compared_together(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        record = model_record(f"a:seed={seed}", {"seed": seed})
        add(directory, f"a:seed={seed}", 200 + NOISE + seed, model=record)
    add(directory, "b", 190 + NOISE)
    [pair] = two(directory).pairs
    assert len(pair.model.cells) == 2
    assert pair.comparison.difference.value == pytest.approx(10.5 / 100)
    with pytest.raises(UnknownNameError, match=re.escape("unknown model of") + ".*'a:seed=0'.*known: a, b"):
        two(directory, "a:seed=0")


def test_a_model_of_several_seeds_compared_with_itself_is_the_same(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        add(directory, f"a:seed={seed}", 200 + seed * NOISE, model=model_record(f"a:seed={seed}", {"seed": seed}))
    [pair] = two(directory, "a", "a").pairs
    difference = pair.comparison.difference
    assert (pair.verdict, difference.value, difference.low, difference.high, difference.p) == ("same", 0, 0, 0, 1)


def test_shares_of_the_training_text_are_models_of_their_own(run):
    add(run, "a", 210 + NOISE, train_size="10%")
    [pair] = two(run, "a (10% of train)", "a").pairs
    assert pair.comparison.difference.value == pytest.approx(0.13)


def test_unknown_names_are_refused(run):
    with pytest.raises(UnknownNameError, match=r"unknown model of .*run 'aa'; did you mean 'a'"):
        two(run, "aa")
    with pytest.raises(UnknownNameError, match=r"unknown corpus of .*run 'd' \(known: c\)"):
        two(run, corpora=["d"])
    with pytest.raises(UnknownNameError, match=r"unknown model of these runs 'aa'"):
        compare_runs(run, run, ["aa"])
    with pytest.raises(UnknownNameError, match="unknown corpus of these runs 'd'"):
        compare_runs(run, RunDirectory.open(run.path), corpora=["d"])


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
    compared = two(directory)
    assert [pair.corpus.name for pair in compared.pairs] == ["c"]
    reasons = {refusal.corpus: refusal.reason for refusal in compared.refusals}
    assert reasons.keys() == {*names} - {"c", "empty"}
    assert reasons["failing"] == "a failed: boom"
    assert reasons["pseudo"] == "the scores of a are not probabilities of a text"
    assert reasons["impossible"] == "the numbers of a are impossible: too good"
    assert "is missing" in reasons["missing"]
    assert "checksum" in reasons["damaged"]
    assert reasons["lacking"].endswith("does not have a on it")


def test_if_nothing_can_be_compared_the_reason_is_an_error(run):
    add_broken(run, "broken", error="boom")
    with pytest.raises(ResultsError, match=r"^nothing can be compared: c: broken failed: boom$"):
        two(run, "broken")


def pair_of_runs(tmp_path, first, second, **more):
    """Two runs on corpora of one name, and on one that both have."""
    runs = [new_run(tmp_path / name, corpus, text("both")) for name, corpus in (("x", first), ("y", second))]
    for directory in runs:
        add(directory, "a", 200 + NOISE)
        add(directory, "a", 200 + NOISE, corpus="both")
    return runs


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


def test_cells_that_contradict_each_other_are_refused(run):
    add(run, "other", 400 + NOISE[:6], np.full(6, 200))
    with pytest.raises(ResultsError, match="has other documents than another cell"):
        two(run)
