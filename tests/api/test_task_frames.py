"""The data frames of tasks against the manual, and against a run of real models."""

import re
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binomtest

from lmbench import Results
from lmbench.errors import UnknownNameError
from tests.answering import answer, new_run, right, task_of
from tests.report.cells import cell, store_bits, text
from tests.report.tasked import make_run, make_task

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    directory = make_run(tmp_path_factory.mktemp("tasked") / "run")
    return Results.load(directory.path, tasks=[make_task("quiz")])


def test_the_manual_describes_every_column(results):
    section = PAGE.read_text().partition("### Columns of tasks")[2]
    described = [name for row in re.findall(r"^\| (`.*?) \|", section, re.M) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(described) == sorted(results.tasks.columns)


def test_the_interval_of_each_row_is_that_of_its_items(results):
    [row] = results.tasks.query("task == 'quiz' and model == 'ppm' and metric == 'accuracy'").to_dict("records")
    values = results.items("quiz")["ppm"]
    expected = binomtest(int(values.sum()), len(values)).proportion_ci(0.95)
    assert (row["value"], row["items"]) == (values.mean(), len(values))
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_items_have_their_groups_and_a_column_for_each_model(results):
    table = results.items("quiz")
    assert list(table.columns[:2]) == ["item", "color"]
    assert set(table.columns[2:]) == {"kenlm", "ppm", "uniform", "net:seed=0", "net:seed=1", "gpt2"}
    assert table.groupby("color").mean(numeric_only=True).loc["red", "gpt2"] == pytest.approx(0.95, abs=0.06)
    assert results.items("quiz", "f1")["uniform"].isna().all()


def test_unknown_names_are_refused(results):
    with pytest.raises(UnknownNameError, match="unknown task of these results 'quis'; did you mean 'quiz'"):
        results.items("quis")
    with pytest.raises(UnknownNameError, match="unknown metric of quiz 'rouge'"):
        results.items("quiz", "rouge")
    with pytest.raises(UnknownNameError):
        results.items()  # of two tasks


def test_the_only_task_need_not_be_named(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    answer(directory, "ppm", accuracy=right(10, 40))
    assert len(Results(directory).items()) == 40


def test_tasks_do_not_mix_with_corpora_of_the_same_name(tmp_path):
    directory = new_run(tmp_path / "run", task_of("c"), corpora=(text("c"),))
    store_bits(directory, cell("kenlm"), 2.0, [100] * 12)
    answer(directory, "kenlm", "c", accuracy=right(10, 40))
    answer(directory, "ppm", "c", accuracy=right(20, 40))
    results = Results(directory)
    assert list(results.to_pandas().model) == ["kenlm"]
    assert sorted(results.tasks.model) == ["kenlm", "ppm"]
    with pytest.raises(UnknownNameError):
        results.documents("ppm")


def test_a_run_without_tasks_has_an_empty_frame(tmp_path):
    directory = new_run(tmp_path / "run", corpora=(text("c"),))
    store_bits(directory, cell("kenlm"), 2.0, [100] * 12)
    assert Results(directory).tasks.empty


def test_text_and_html_show_tasks(results):
    assert "quiz: 40 items" in repr(results)
    assert "<strong>quiz: 40 items" in results._repr_html_()


def test_pictures_and_reports_are_of_tasks_too(results, tmp_path):
    assert [chart.title for chart in results.plot().charts] == ["accuracy on quiz", "accuracy on few"]
    assert [chart.title for chart in results.plot("few").charts] == ["accuracy on few"]
    with pytest.raises(UnknownNameError):
        results.plot("nothing")
    for name in ("a.html", "a.md", "a.tex", "a.csv"):
        results.report(tmp_path / name)
    assert list(pd.read_csv(tmp_path / "a.csv").columns) == list(results.tasks.columns)
    results.report(tmp_path / "folder")
    assert (tmp_path / "folder" / "tasks.csv").is_file()
    assert not (tmp_path / "folder" / "table.csv").exists()
