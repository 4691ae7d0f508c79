import csv
import io

import pytest

from lmbench import Corpus, ModelSpec, Split
from lmbench.report import tables
from lmbench.store import Cell, RunDirectory, Verification
from tests.test_runner import Recorder, run


@pytest.fixture
def directory(tmp_path):
    corpus = Corpus(
        "toy|corpus",
        Split(("a b\n",) * 9),
        Split(("a b\n",)),
        Split(("a b\n", "b a\n")),
        reading="lines",
        tokenised=True,
        floor=(1.0, 1.0),
        floor_note="known",
    )
    made = run(ModelSpec.parse_list("uniform,kenlm:order=2"), [corpus], tmp_path / "run", Recorder())
    made.write(Cell(number=3, model="gpt2", corpus="toy|corpus", status="unavailable", error="no | weights <b>"), None)
    return made


def test_rows_are_ranked_by_bits_per_byte_and_missing_cells_come_last(directory):
    assert [cell.model for cell in tables.ranked(directory.cells())] == ["kenlm:order=2", "uniform", "gpt2"]


def test_markdown_has_every_row_and_nothing_that_breaks_it(directory):
    text = tables.markdown(directory)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {11}
    assert "8.0000" in rows[3]
    assert "gpt2 is unavailable: no \\| weights &lt;b>" in text
    assert "Floor: 0.3607 bits/byte" in text
    assert "- kenlm:order=2: `order:2|" in text


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


def test_a_terminal_of_80_columns_shows_every_number_whole(directory):
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    for table in tables.terminal(directory):
        console.print(table)
    text = console.export_text()
    assert "…" not in text
    assert "kenlm:order=2" in text


def test_unverified_models_are_marked(directory):
    doubt = "normalisation failed: after 'the' the next events sum to 1.3"
    directory.write_verification(1, Verification(model="uniform", doubt="", outcomes=()))
    directory.write_verification(2, Verification(model="kenlm:order=2", doubt=doubt, outcomes=()))
    text = tables.markdown(directory)
    assert "| kenlm:order=2 ‡ |" in text
    assert "| uniform         |" in text
    assert f"‡ unverified: did not pass the conformance suite, or could not be checked. kenlm:order=2: {doubt}." in text
    assert [row["unverified"] for row in csv.DictReader(io.StringIO(tables.csv(directory)))] == [
        "",
        doubt,
        "not checked",
    ]


def test_text_without_spaces_has_bits_per_character_instead_of_word_perplexity(tmp_path):
    splits = (Split((text,)) for text in ("我是一个人\n", "人\n", "一个\n人\n"))
    corpus = Corpus("chinese", *splits, reading="lines", spaced=False)
    text = tables.markdown(run([ModelSpec("uniform")], [corpus], tmp_path / "run", Recorder()))
    assert "bits/char" in text
    assert "word ppl" not in text
    assert f"{8 * 11 / 5:.4f}" in text
