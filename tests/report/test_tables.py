import csv
import io
import math

import pytest
from rich.console import Console

from lmbench import Corpus, Split
from lmbench.checks import Outcome
from lmbench.printable import printable_lines
from lmbench.report import tables
from lmbench.report.contents import ranked
from lmbench.runs.records import Verification
from lmbench.runs.store import RunDirectory
from tests.report.cells import broken_cell
from tests.running import run
from tests.storing import store, suite_key_of


def test_rows_are_ranked_by_bits_per_byte_and_missing_cells_come_last(directory):
    assert [cell.model for cell in ranked(directory.cells())] == ["kenlm:order=2", "uniform", "gpt2"]


def test_markdown_has_every_row_and_nothing_that_breaks_it(directory):
    text = tables.markdown(directory)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {11}
    assert "8.0000" in rows[3]
    assert "gpt2 is unavailable: no \\| weights &lt;b>" in text
    assert "Floor: 0.3607 bits/byte, known." in text
    assert "- kenlm:order=2: `order:2|" in text


def test_the_excess_over_the_floor_of_a_known_source_is_shown(directory):
    """There are two documents of 4 bytes. The source needs 1 nat for each: 2 / ln 2 / 8 bits per byte."""
    text = tables.markdown(directory)
    [header, *_, uniform, _] = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in header.split("|")[2:7]] == ["model", "bits/byte", "excess", "95 % CI", "word ppl"]
    assert uniform.split("|")[4].strip() == f"{8 - 2 / math.log(2) / 8:.4f}"
    assert "excess: bits/byte above the floor" in text
    rows = list(csv.DictReader(io.StringIO(tables.csv(directory))))
    assert float(rows[0]["excess"]) == pytest.approx(8 - 2 / math.log(2) / 8)
    assert float(rows[0]["oov_rate"]) == 0


def test_cells_without_a_stored_excess_show_a_dash(directory):
    [cell, *_] = directory.cells()
    store(directory, cell.model_copy(update={"metrics": cell.metrics.model_copy(update={"excess": None})}))
    row = next(line for line in tables.markdown(directory).splitlines() if line.startswith("|  2 | uniform"))
    assert row.split("|")[4].strip() == "–"


def test_csv_has_every_number(directory):
    rows = list(csv.DictReader(io.StringIO(tables.csv(directory))))
    assert [row["model"] for row in rows] == ["uniform", "kenlm:order=2", "gpt2"]
    assert float(rows[0]["bits_per_byte"]) == 8
    assert float(rows[0]["bytes_per_second"]) > 0
    assert rows[1]["srilm_ppl"]
    assert rows[2]["bits_per_byte"] == ""


def test_the_tables_can_be_rebuilt_from_the_files(directory):
    tables.write(directory)
    before = (directory.path / "table.md").read_text()
    (directory.path / "table.md").unlink()
    tables.write(RunDirectory.open(directory.path))
    assert (directory.path / "table.md").read_text() == before


def test_80_columns_show_every_number_in_full(directory):
    console = Console(width=80, record=True, file=io.StringIO())
    for table in tables.terminal(directory):
        console.print(table)
    text = console.export_text()
    assert "…" not in text
    assert "kenlm:order=2" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_outcomes_of_checks_are_shown_in_full(width):
    detail = "the documents stand alone: their scores cannot depend on one another"
    outcomes = [Outcome(check="unknown-words", status="fail", detail=detail, seconds=123.456)]
    screen = Console(width=width, file=io.StringIO())
    screen.print(tables.checks(outcomes))
    shown = screen.file.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert [word for word in ("unknown-words", "fail", "123.46", *detail.split()) if word not in shown.split()] == []


def test_unverified_models_are_marked(directory):
    doubt = "normalization failed: after 'the' the next events sum to 1.3"
    for model, found in (("uniform", ""), ("kenlm:order=2", doubt)):
        key = suite_key_of(directory, model)
        directory.write_verification(Verification(model=model, key=key, doubt=found, outcomes=()))
    text = tables.markdown(directory)
    assert "| kenlm:order=2 ‡ |" in text
    assert "| uniform         |" in text
    note = "‡ Unverified: the conformance suite did not confirm that the scores are probabilities."
    assert f"{note} kenlm:order=2: {doubt}." in text
    assert [row["unverified"] for row in csv.DictReader(io.StringIO(tables.csv(directory)))] == [
        "",
        doubt,
        "not checked",
    ]


def test_models_that_the_check_prior_finds_trained_are_pretrained_in_csv(directory):
    prior = Outcome(check="prior", status="fail", detail="English | costs less", seconds=0)
    key = suite_key_of(directory, "uniform")
    directory.write_verification(Verification(model="uniform", key=key, doubt="", outcomes=(prior,)))
    rows = list(csv.DictReader(io.StringIO(tables.csv(directory))))
    assert [row["pretrained"] for row in rows] == ["True", "False", "False"]
    text = tables.markdown(directory)
    assert "| uniform †" in text
    assert "uniform: English \\| costs less." in text


def test_text_without_spaces_shows_bits_per_character_instead_of_word_perplexity(tmp_path):
    splits = (Split((text,)) for text in ("我是一个人\n", "人\n", "一个\n人\n"))
    corpus = Corpus("chinese", *splits, provenance="lines", spaced=False)
    text = tables.markdown(run("uniform", [corpus], tmp_path / "run"))
    header = next(line for line in text.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in header.split("|")[2:7]] == ["model", "bits/char", "bits/byte", "95 % CI", "OOV"]
    assert "word ppl" not in text
    assert f"{8 * 11 / 5:.4f}" in text


HOSTILE = "=x\n\n<img src=x onerror=alert(1)>`|\x1b]52;c;x\x07\u202e\u2028"


def test_hostile_texts_leave_no_markup_formula_or_control_character(directory):
    uniform = directory.cells()[0]
    changes = {"key": "other", "model": HOSTILE, "signature": HOSTILE, "corpus": directory.manifest.corpora[0].name}
    store(directory, uniform.model_copy(update=changes))
    store(directory, broken_cell("m", error=HOSTILE, corpus=changes["corpus"]))
    page = tables.markdown(directory)
    assert printable_lines(page) == page
    assert not [line for line in page.splitlines() if line.startswith("<img")]
    assert "``=x\\n\\n<img src=x onerror=alert(1)>`|\\x1b]52;c;x\\x07\\u202e\\u2028``" in page
    row = next(row for row in csv.DictReader(io.StringIO(tables.csv(directory))) if row["model"] == "m")
    assert row["error"].startswith("'=x\\n\\n<img")
    assert printable_lines(tables.csv(directory)) == tables.csv(directory)


def test_numbers_in_csv_are_never_taken_for_formulas(directory):
    cell = directory.cells()[0]
    store(directory, cell.model_copy(update={"metrics": cell.metrics.model_copy(update={"excess": -1.5})}))
    assert next(csv.DictReader(io.StringIO(tables.csv(directory))))["excess"] == "-1.5"
