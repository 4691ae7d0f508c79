"""The columns, rows and notes of tables, from cells that were not run."""

import shutil

import pytest

from lmbench.corpora.anchors import Anchor
from lmbench.report.contents import build_tables
from lmbench.runs.records import Machine, Provenance, Verification
from tests.report.cells import CORPUS, COSTS, broken_cell, cell
from tests.storing import new_directory, store


@pytest.fixture
def directory(tmp_path):
    return new_directory(tmp_path / "run", (CORPUS,))


def test_a_row_shows_costs_in_short(directory):
    store(directory, cell("m"))
    [table] = build_tables(directory)
    assert table.title == "c: 1,234 bytes of test text in 2 documents"
    assert [column.heading for column in table.columns[-4:]] == ["fit s", "score s", "params", "MiB"]
    assert table.rows[0][-4:] == ("–", "123", "9.61M", "3")


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (999, "999"), (1000, "1k"), (2_130_000_000, "2.13G")])
def test_parameters_are_abbreviated(directory, count, shown):
    store(directory, cell("m", costs=COSTS.model_copy(update={"parameters": count})))
    [table] = build_tables(directory)
    assert table.rows[0][-2] == shown


def test_pretrained_models_are_marked_and_the_mark_is_explained(directory):
    store(directory, cell("m", pretrained=True))
    directory.write_verification(Verification(model="m", doubt="", outcomes=()))
    [table] = build_tables(directory)
    assert table.rows[0][1] == "m †"
    assert any(note.startswith("† Pretrained on other") for note in table.notes)


def test_a_reason_for_doubt_is_given_once(directory):
    for model in "abc":
        store(directory, cell(model))
    directory.write_verification(Verification(model="b", doubt="sums failed: 2", outcomes=()))
    [table] = build_tables(directory)
    assert [row[1] for row in table.rows] == ["a ‡", "b ‡", "c ‡"]
    unchecked, doubt = [note for note in table.notes if note.startswith("‡")]
    assert unchecked == "‡ Not checked by the conformance suite: a, c."
    assert doubt.endswith("did not confirm that the scores are probabilities. b: sums failed: 2.")


def test_impossible_numbers_are_not_ranked(directory):
    """They come after the ranked rows, although their bits per byte are the lowest."""
    free = cell("free", impossible=True, doubt="impossible: 900.0 nats likelier than the source's own probability")
    metrics = free.metrics.model_copy(update={"bits": 0.07, "bits_per_byte": 0.01})
    store(directory, free.model_copy(update={"metrics": metrics}))
    store(directory, cell("honest"))
    store(directory, broken_cell("broken"))
    for model in ("free", "honest"):
        directory.write_verification(Verification(model=model, doubt="", outcomes=()))
    [table] = build_tables(directory)
    assert [row[:3] for row in table.rows] == [
        ("1", "honest", "8.0000"),
        ("✗", "free ‡", "0.0100"),
        ("", "broken", "failed"),
    ]
    assert table.notes[0] == "‡ free is impossible: 900.0 nats likelier than the source's own probability."


def test_verified_models_do_not_need_notes(directory):
    store(directory, cell("m"))
    directory.write_verification(Verification(model="m", doubt="", outcomes=()))
    [table] = build_tables(directory)
    assert table.rows[0][1] == "m"
    assert table.notes == ()


@pytest.mark.parametrize(("status", "note"), [("failed", "m failed: why"), ("unavailable", "m is unavailable: why")])
def test_cells_without_numbers_give_the_reason(directory, status, note):
    store(directory, broken_cell("m", status))
    [table] = build_tables(directory)
    assert table.rows == (("", "m", status, *[""] * 7),)
    assert table.notes[-1] == note


def test_the_legend_explains_every_column_with_a_number_in_80_columns(directory):
    store(directory, cell("m"))
    store(directory, cell("p", pseudo=True))
    for table in build_tables(directory):
        explained = [name.strip() for line in table.legend for name in line.split(":")[0].split(",")]
        headings = [column.heading for column in table.columns]
        assert explained == [heading for heading in headings if heading not in ("", "model", "corpus")]
        assert max(map(len, table.legend)) <= 78


def test_pseudo_perplexities_have_a_table_of_their_own(directory):
    store(directory, cell("m", pseudo=True))
    store(directory, cell("n"))
    ranked, pseudo = build_tables(directory)
    assert [row[1] for row in ranked.rows] == ["n ‡"]
    assert pseudo.title == "Pseudo-perplexities"
    assert pseudo.rows == (("m", "c", "256.0", "123", "9.61M", "3"),)
    assert "are not probabilities of a text" in pseudo.notes[0]


def test_costs_of_several_machines_name_them(directory):
    for model, cpus in (("a", 2), ("b", 2), ("c", 64)):
        machine = Machine(processor="Xeon", cpus=cpus, memory=1 << 30, gpu="", platform="Linux")
        where = Provenance(started="", machine=machine, python="3", versions=(), revision="", threads=1, load=None)
        store(directory, cell(model, provenance=where))
    [table] = build_tables(directory)
    assert table.notes[-1] == "Costs are of different machines: a, b on Xeon, 2 CPUs, 1 GiB; c on Xeon, 64 CPUs, 1 GiB."


@pytest.mark.parametrize(
    ("costs", "shown", "note"),
    [
        ({"company": 1}, ("1.5*", "123*"), "* Measured while other cells were at work"),
        ({"was_stored": True}, ("1.5°", "123"), "° The model was restored from the store"),
        ({}, ("1.5", "123"), ""),
    ],
)
def test_costs_in_company_or_from_the_store_are_marked(directory, costs, shown, note):
    store(directory, cell("m", costs=COSTS.model_copy(update={"fit_seconds": 1.5} | costs)))
    [table] = build_tables(directory)
    assert table.rows[0][-4:-2] == shown
    assert any(line.startswith(note) for line in table.notes if note) == bool(note)


def test_remarks_on_the_fit_are_in_the_row(directory):
    store(directory, cell("m", remarks=("time-limited", "undertrained")))
    directory.write_verification(Verification(model="m", doubt="", outcomes=()))
    assert build_tables(directory)[0].rows[0][1] == "m (time-limited, undertrained)"


def test_missing_and_damaged_cells_are_named(directory):
    for model in "abc":
        store(directory, cell(model))
    (directory.folder(cell("a").row) / "documents.parquet").unlink()
    shutil.rmtree(directory.folder(cell("c").row))
    [table] = build_tables(directory)
    assert [row[1] for row in table.rows] == ["b ‡"]
    assert table.notes[-1] == "1 of 3 cells are stored. Missing or damaged: a, c. `lmbench run` evaluates them."


def test_compressors_are_rows_without_a_rank_in_their_place(directory):
    """The test text of the record has 1,234 bytes."""
    anchors = tuple(Anchor(name=name, how=f"{name} -9", bits=1234 * rate) for name, rate in (("a", 2), ("b", 8)))
    record = CORPUS.model_copy(update={"anchors": anchors})
    made = new_directory(directory.path.parent / "other", (record,))
    metrics = cell("m").metrics
    for rate in (1, 3):
        numbers = {"bits": float(rate * metrics.bytes), "bits_per_byte": float(rate)}
        store(made, cell(f"m{rate}", metrics=metrics.model_copy(update=numbers)))
    store(made, cell("free", impossible=True, doubt="impossible"))
    [table] = build_tables(made)
    assert [row[:3] for row in table.rows] == [
        ("1", "m1 ‡", "1.0000"),
        ("", "a (compressor)", "2.0000"),
        ("2", "m3 ‡", "3.0000"),
        ("", "b (compressor)", "8.0000"),
        ("✗", "free ‡", "8.0000"),
    ]
    assert set(table.rows[1][3:]) == {"–"}
    [note] = [note for note in table.notes if note.startswith("Compressors are not ranked.")]
    assert note.endswith("a -9; b -9.")


def test_the_note_of_a_corpus_is_shown(directory):
    made = new_directory(directory.path.parent / "other", (CORPUS.model_copy(update={"note": "It is old."}),))
    assert "It is old." in build_tables(made)[0].notes


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ({"events": 20, "word_perplexity": 1234.56}, "1,234.6"),
        ({"events": 21, "word_perplexity": 1234.56}, "–"),
        ({"events": 20, "word_perplexity": 1e6}, "–"),
        ({"events": 20, "word_perplexity": float("inf")}, "–"),
        ({"events": 20, "word_perplexity": float("nan")}, "–"),
    ],
)
def test_word_perplexities_that_say_little_are_dashes(directory, numbers, shown):
    """The text has 7 words and 3 line ends; twice as many events may be about words."""
    metrics = cell("m").metrics.model_copy(update={"words": 7, "line_ends": 3} | numbers)
    store(directory, cell("m", metrics=metrics))
    [table] = build_tables(directory)
    column = [column.heading for column in table.columns].index("word ppl")
    assert [row[column] for row in table.rows] == [shown]
