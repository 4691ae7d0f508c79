"""The tables of a run for the terminal and as files, from cells that were run."""

import io

import numpy as np
import pytest
from rich.console import Console

from lmbench.checks import Outcome
from lmbench.report import tables
from lmbench.report.ranked_run import RankedRun
from lmbench.runs.store import RunDirectory
from tests.report.cells import CORPUS, broken_cell, cell, store_bits, text
from tests.storing import new_directory, store

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)


def printed(directory, width):
    console = Console(width=width, file=io.StringIO())
    for table in tables.terminal(RankedRun.read(directory)):
        console.print(table)
    return console.file.getvalue()


@pytest.fixture
def ranked(tmp_path):
    """Return a run of two models on two corpora."""
    records = [text(name) for name in ("c", "d")]
    made = new_directory(tmp_path / "ranked", tuple(records))
    for corpus in ("c", "d"):
        store_bits(made, cell("kenlm", corpus=corpus), 2 + NOISE, np.full(30, 100))
        store_bits(made, cell("transformer", corpus=corpus), 2.1 - NOISE, np.full(30, 100))
    return made


def test_the_tables_can_be_rebuilt_from_the_files(directory):
    tables.write(RankedRun.read(directory))
    before = {name: (directory.path / name).read_bytes() for name in tables.FILES}
    assert sorted(before) == [
        "pairs.csv", "pairs.parquet", "report.html", "table.csv", "table.md", "table.parquet", "table.tex",
    ]  # fmt: skip
    for name in tables.FILES:
        (directory.path / name).unlink()
    tables.write(RankedRun.read(RunDirectory.open(directory.path)))
    assert {name: (directory.path / name).read_bytes() for name in tables.FILES} == before


def test_80_columns_begin_with_rank_number_interval_and_difference(ranked):
    text = printed(ranked, 80)
    assert "…" not in text
    [heading, *_] = [line.split() for line in text.splitlines() if line.startswith("rank")]
    assert heading[:8] == ["rank", "model", "bits/byte", "95", "%", "CI", "to", "best"]


def test_headings_are_explained_below_the_last_table_that_has_them(ranked):
    lines = printed(ranked, 120).splitlines()
    assert lines.count("params: number of parameters") == 1
    assert lines.index("params: number of parameters") > next(n for n, line in enumerate(lines) if line[:2] == "d:")


@pytest.mark.parametrize("cells", [[], [broken_cell("m")], [cell("m", pseudo=True)]], ids=["none", "failed", "pseudo"])
def test_runs_without_ranked_models_have_tables(tmp_path, cells):
    made = new_directory(tmp_path / "run", (CORPUS,))
    for each in cells:
        store(made, each)
    tables.write(RankedRun.read(made))
    assert "c: 1,234 bytes" in printed(made, 80)
    assert len((made.path / "pairs.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_outcomes_of_checks_are_shown_in_full(width):
    detail = "the documents stand alone: their scores cannot depend on one another"
    outcomes = [Outcome(check="unknown-words", status="fail", detail=detail, seconds=123.456)]
    screen = Console(width=width, file=io.StringIO())
    screen.print(tables.checks(outcomes))
    shown = screen.file.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert [word for word in ("unknown-words", "fail", "123.46", *detail.split()) if word not in shown.split()] == []
