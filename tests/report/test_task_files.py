import csv
from io import BytesIO, StringIO

import pandas as pd
import pytest

from lmbench.cli.json_lists import format_results
from lmbench.report.task_files import COLUMNS, format_csv, format_parquet, list_task_rows
from tests.report.tasked import HOSTILE, make_run, read


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return read(make_run(tmp_path_factory.mktemp("tasked") / "run"))


@pytest.fixture(scope="module")
def rows(results):
    return list_task_rows(results)


def find(rows, **values):
    [row] = [row for row in rows if all(row[name] == value for name, value in values.items())]
    return row


def test_each_row_is_a_task_a_model_and_a_metric(rows):
    assert all(tuple(row) == COLUMNS for row in rows)
    places = [(row["task"], row["model"], row["metric"]) for row in rows]
    assert len(set(places)) == len(places)
    assert find(rows, task="quiz", model="net", metric="accuracy")["seeds"] == 2
    assert find(rows, task="quiz", model="uniform", metric="accuracy")["to_chance"] == "not shown"


def test_differences_are_to_the_best_and_to_the_baseline(rows):
    row = find(rows, task="quiz", model="ppm", metric="accuracy")
    assert row["to_best"] == pytest.approx(0.75 - 0.975)
    assert row["baseline"] == "kenlm"
    assert row["to_baseline"] == pytest.approx(0.75 - 0.85)
    assert row["to_baseline_low"] <= row["to_baseline"] <= row["to_baseline_high"]
    assert find(rows, task="quiz", model="kenlm", metric="accuracy")["to_baseline"] is None


def test_figures_that_are_not_ranked_and_failed_cells_have_rows(rows):
    half = find(rows, task="few", model="half")
    assert (half["metric"], half["value"], half["items"], half["low"]) == ("accuracy", 0.75, 4, None)
    broken = find(rows, task="few", model="broken")
    assert (broken["status"], broken["error"], broken["metric"]) == ("failed", HOSTILE, None)


def test_the_csv_file_has_no_formulas_and_the_same_numbers(results, rows):
    read_back = list(csv.DictReader(StringIO(format_csv(results))))
    assert [row["task"] for row in read_back] == [row["task"] for row in rows]
    assert [float(row["value"]) for row in read_back if row["value"]] == [
        row["value"] for row in rows if row["value"] is not None
    ]
    assert "\x1b" not in format_csv(results)


def test_parquet_has_types(results):
    table = pd.read_parquet(BytesIO(format_parquet(results)))
    assert tuple(table.columns) == COLUMNS
    assert table["value"].dtype == float
    assert table["pretrained"].dtype == bool


def test_json_has_the_rows_too(results):
    lines = list(format_results(results))
    assert len(lines) == len(list_task_rows(results))
    assert '"task": "quiz"' in lines[0]
