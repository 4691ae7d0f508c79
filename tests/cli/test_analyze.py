import csv
import json
from dataclasses import replace

import pandas as pd
import pytest
from click.testing import CliRunner

from lmbench import Split
from lmbench.analysis.texts import Texts
from lmbench.cli.commands import cli
from lmbench.errors import LmbenchError
from lmbench.report import pictures
from tests.analysis.test_catalog import (
    CORPUS,
    scored,  # noqa: F401
)


@pytest.fixture
def analyze(scored, monkeypatch):  # noqa: F811
    """Return a function that analyzes the run, whose text need not be read again."""
    monkeypatch.setattr(Texts, "find", lambda texts, name: CORPUS)
    return lambda *arguments: CliRunner().invoke(cli, ["analyze", str(scored.path), *arguments])


def test_all_analyses_are_listed(analyze):
    listed = analyze().stdout
    assert "frequency" in listed
    assert "CoNLL-U" in listed
    lines = [json.loads(line) for line in analyze("--json").stdout.splitlines()]
    assert lines[0] | {"shows": ""} == {
        "name": "ladder",
        "shows": "",
        "requires": "models of several kinds",
        "reads": "cells",
    }
    assert "name an analysis" in analyze("--out", "x.csv").output


def test_an_analysis_is_a_table_and_files(analyze, tmp_path):
    out, plots = tmp_path / "new" / "match.csv", tmp_path / "plots"
    result = analyze("memorization", "--models", "hmm,kenlm", "--out", str(out), "--plots", str(plots))
    assert result.exit_code == 0, result.output
    assert "memorization on c" in result.stdout
    assert f"Written: {out.with_name('match-unshared.csv')}" in result.stdout
    frame = pd.read_csv(out, dtype={"class": str})
    assert frame.model.tolist()[:2] == ["hmm", "kenlm"]
    assert {file.suffix for file in plots.iterdir()} == {".svg", ".png", ".pdf"}
    assert {file.stem for file in plots.iterdir()} == {"surprisal-by-match-in-the-training-text-on-c"}


def test_rows_are_json_and_notes_are_apart(analyze, tmp_path):
    result = analyze("passages", "--json", "--out", str(tmp_path / "passages.parquet"))
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["table"] for row in rows} == {"passages"}
    assert rows[0]["text"] == "hard"
    assert result.stderr.endswith("passages.parquet\n")
    assert len(pd.read_parquet(tmp_path / "passages.parquet")) == len(rows)


def test_formulas_stay_texts_in_csv(analyze, tmp_path, monkeypatch):
    out = tmp_path / "f.csv"
    corpus = replace(CORPUS, test=Split(tuple(text.replace("hard", "=cmd") for text in CORPUS.test.documents)))
    monkeypatch.setattr(Texts, "find", lambda texts, name: corpus)
    analyze("passages", "--out", str(out))
    texts = [row["text"] for row in csv.DictReader(out.read_text().splitlines())]
    assert "'=cmd" in texts


def test_cells_that_are_missing_are_counted(analyze, scored):  # noqa: F811
    lost = scored.folder(scored.manifest.rows[-1])
    lost.rename(lost.with_name("lost"))
    try:
        result = analyze("frequency")
    finally:
        lost.with_name("lost").rename(lost)
    assert "Note: 1 of 4 cells of c are missing or damaged" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frequncy"], "unknown analysis 'frequncy'; did you mean 'frequency'"),
        (["frequency", "--models", "kenln"], "did you mean 'kenlm'"),
        (["frequency", "--corpus", "d"], "unknown corpus of these results 'd'"),
        (["frequency", "--out", "x.pdf"], r"x\.pdf does not end in"),
        (["part-of-speech"], "not tagged"),
    ],
)
def test_what_cannot_be_analyzed_is_named(analyze, arguments, message):
    result = analyze(*arguments)
    assert isinstance(result.exception, LmbenchError)
    with pytest.raises(LmbenchError, match=message):
        raise result.exception


def test_the_charts_of_the_report_are_written(scored, analyze, tmp_path, monkeypatch):  # noqa: F811
    drawn = []
    monkeypatch.setattr(pictures, "write_pictures", lambda chart, stem: drawn.append(stem))
    result = CliRunner().invoke(cli, ["report", str(scored.path), "--plots", str(tmp_path)])
    assert result.stdout.endswith(f"Written: {len(drawn)} charts in {tmp_path}\n")
    names = {stem.name for stem in drawn}
    assert names >= {"surprisal-by-script-on-c", "the-ladder-of-c", "differences-to-kenlm-on-c"}
