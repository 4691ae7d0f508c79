"""The columns, rows and notes of tables, from cells that were not run."""

import pytest

from lmbench.report.contents import build_tables
from lmbench.runs.store import Cell, RunDirectory, Verification
from tests.report.cells import COSTS, MANIFEST, cell


@pytest.fixture
def directory(tmp_path):
    return RunDirectory.start(tmp_path / "run", MANIFEST)


def test_a_row_shows_costs_in_short(directory):
    directory.write(cell(1, "m"), None)
    [table] = build_tables(directory)
    assert table.title == "c: 1,234 bytes of test text in 2 documents"
    assert [column.heading for column in table.columns[-4:]] == ["fit s", "score s", "params", "MiB"]
    assert table.rows[0][-4:] == ("–", "123", "9.61M", "3")


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (999, "999"), (1000, "1k"), (2_130_000_000, "2.13G")])
def test_parameters_are_abbreviated(directory, count, shown):
    directory.write(cell(1, "m", costs=COSTS.model_copy(update={"parameters": count})), None)
    [table] = build_tables(directory)
    assert table.rows[0][-2] == shown


def test_pretrained_models_are_marked_and_the_mark_is_explained(directory):
    directory.write(cell(1, "m", pretrained=True), None)
    directory.write_verification(1, Verification(model="m", doubt="", outcomes=()))
    [table] = build_tables(directory)
    assert table.rows[0][1] == "m †"
    assert any(note.startswith("† Pretrained on other") for note in table.notes)


def test_a_reason_for_doubt_is_given_once(directory):
    for number, model in enumerate("abc", start=1):
        directory.write(cell(number, model), None)
    directory.write_verification(2, Verification(model="b", doubt="sums failed: 2", outcomes=()))
    [table] = build_tables(directory)
    assert [row[1] for row in table.rows] == ["a ‡", "b ‡", "c ‡"]
    unchecked, doubt = [note for note in table.notes if note.startswith("‡")]
    assert unchecked == "‡ Not checked by the conformance suite: a, c."
    assert doubt.endswith("did not confirm that the scores are probabilities. b: sums failed: 2.")


def test_impossible_numbers_are_not_ranked(directory):
    """They come after the ranked rows, although their bits per byte are the lowest."""
    free = cell(1, "free", impossible=True, doubt="impossible: 900.0 nats likelier than the source's own probability")
    metrics = free.metrics.model_copy(update={"bits_per_byte": 0.01})
    directory.write(free.model_copy(update={"metrics": metrics}), None)
    directory.write(cell(2, "honest"), None)
    directory.write(Cell(number=3, model="broken", corpus="c", status="failed", error="why"), None)
    for number, model in enumerate(("free", "honest"), start=1):
        directory.write_verification(number, Verification(model=model, doubt="", outcomes=()))
    [table] = build_tables(directory)
    assert [row[:3] for row in table.rows] == [
        ("1", "honest", "8.0000"),
        ("✗", "free ‡", "0.0100"),
        ("", "broken", "failed"),
    ]
    assert table.notes[0] == "‡ free is impossible: 900.0 nats likelier than the source's own probability."


def test_verified_models_do_not_need_notes(directory):
    directory.write(cell(1, "m"), None)
    directory.write_verification(1, Verification(model="m", doubt="", outcomes=()))
    [table] = build_tables(directory)
    assert table.rows[0][1] == "m"
    assert table.notes == ()


@pytest.mark.parametrize(("status", "note"), [("failed", "m failed: why"), ("unavailable", "m is unavailable: why")])
def test_cells_without_numbers_give_the_reason(directory, status, note):
    directory.write(Cell(number=1, model="m", corpus="c", status=status, error="why"), None)
    [table] = build_tables(directory)
    assert table.rows == (("", "m", status, *[""] * 7),)
    assert table.notes[-1] == note


def test_the_legend_explains_every_column_with_a_number_in_80_columns(directory):
    directory.write(cell(1, "m"), None)
    directory.write(cell(2, "p", pseudo=True), None)
    for table in build_tables(directory):
        explained = [name.strip() for line in table.legend for name in line.split(":")[0].split(",")]
        headings = [column.heading for column in table.columns]
        assert explained == [heading for heading in headings if heading not in ("", "model", "corpus")]
        assert max(map(len, table.legend)) <= 78


def test_pseudo_perplexities_have_a_table_of_their_own(directory):
    directory.write(cell(1, "m", pseudo=True), None)
    directory.write(cell(2, "n"), None)
    ranked, pseudo = build_tables(directory)
    assert [row[1] for row in ranked.rows] == ["n ‡"]
    assert pseudo.title == "Pseudo-perplexities"
    assert pseudo.rows == (("m", "c", "256.0", "123", "9.61M", "3"),)
    assert "are not probabilities of a text" in pseudo.notes[0]
