import numpy as np
import pytest
from scipy.stats import binomtest

from lmbench.analysis.comparison import RunModel
from lmbench.analysis.task_comparison import compare_task_runs, compare_tasks, require_pairs
from lmbench.errors import ResultsError, UnknownNameError
from tests.answering import ACCURACY, BYTES, answer, fail, new_run, right, task_of


@pytest.fixture
def runs(tmp_path):
    """Two runs on the same questions. In the second one, kenlm is better, ppm is the same, and net is new."""
    before, after = (new_run(tmp_path / name, task_of(metrics=(ACCURACY, BYTES))) for name in ("before", "after"))
    for directory, count in ((before, 10), (after, 34)):
        answer(directory, "kenlm", accuracy=right(count, 40), accuracy_bytes=right(20, 40))
        answer(directory, "ppm", accuracy=right(20, 40))
    answer(after, "net", accuracy=right(39, 40))
    fail(before, "broken")
    return before, after


def test_two_models_are_compared_by_each_metric_of_both(runs):
    _, after = runs
    [pair] = compare_tasks(RunModel(after, "kenlm"), RunModel(after, "ppm")).pairs
    first, second = np.array(right(34, 40)), np.array(right(20, 40))
    wins, losses = int((first > second).sum()), int((first < second).sum())
    assert (pair.metric.name, pair.values, pair.verdict) == ("accuracy", (0.85, 0.5), "better")
    assert (pair.comparison.wins, pair.comparison.losses) == (wins, losses)
    assert pair.comparison.difference.p == pytest.approx(binomtest(wins, wins + losses).pvalue)


def test_models_of_two_runs_are_compared(runs):
    before, after = runs
    pairs = compare_tasks(RunModel(before, "kenlm"), RunModel(after, "kenlm")).pairs
    assert [(pair.metric.name, pair.verdict) for pair in pairs] == [("accuracy", "worse"), ("accuracy_bytes", "same")]


def test_rows_of_two_runs_are_compared(runs):
    compared = compare_task_runs(*runs)
    verdicts = {(pair.model, pair.metric.name): pair.verdict for pair in compared.pairs}
    assert verdicts == {
        ("kenlm", "accuracy"): "better",
        ("kenlm", "accuracy_bytes"): "same",
        ("ppm", "accuracy"): "same",
    }
    assert compared.only_before == (("quiz", "broken"),)
    assert compared.only_after == (("quiz", "net"),)
    assert {pair.model for pair in compare_task_runs(*runs, models=["ppm"]).pairs} == {"ppm"}


def test_rows_that_agree_do_not_weaken_the_test_of_the_others(runs):
    [changed] = [pair for pair in compare_task_runs(*runs).pairs if not pair.is_same]
    assert changed.comparison.adjusted_p == changed.comparison.difference.p


def test_other_items_are_refused(runs, tmp_path):
    other = new_run(tmp_path / "other", task_of(digest="another"))
    answer(other, "kenlm", accuracy=right(10, 40))
    compared = compare_tasks(RunModel(runs[0], "kenlm"), RunModel(other, "kenlm"))
    assert [refusal.reason for refusal in compared.refusals] == ["its items, or how they were asked, differ"]
    with pytest.raises(ResultsError, match="nothing can be compared: quiz: its items, or how they were asked, differ"):
        require_pairs(compared)


def test_a_failed_cell_is_refused_with_its_error(runs):
    compared = compare_tasks(RunModel(runs[0], "broken"), RunModel(runs[0], "ppm"))
    assert [refusal.reason for refusal in compared.refusals] == ["broken failed: why"]


def test_unknown_tasks_are_refused(runs):
    with pytest.raises(UnknownNameError, match="unknown task of these runs 'quis'"):
        compare_task_runs(*runs, tasks=["quis"])


def test_too_few_items_give_no_verdict(tmp_path):
    directory = new_run(tmp_path / "run", task_of(items=5))
    answer(directory, "a", accuracy=[1.0] * 5)
    answer(directory, "b", accuracy=[0.0] * 5)
    [pair] = compare_tasks(RunModel(directory, "a"), RunModel(directory, "b")).pairs
    assert pair.verdict == "too few"
