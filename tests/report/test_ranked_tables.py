"""The columns, rows and notes of the tables of corpora, from cells that were not run."""

import shutil

import numpy as np
import pytest

from lmbench.corpora.anchors import Anchor
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranked_tables import build_ranked_table
from tests.report.cells import CORPUS, broken_cell, cell, store_bits, verify
from tests.storing import new_directory, store

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)
SIZES = np.full(30, 100)


@pytest.fixture
def directory(tmp_path):
    return new_directory(tmp_path / "run", (CORPUS,))


def table_of(directory):
    results = RankedRun.read(directory)
    [ranking] = results.rankings
    return build_ranked_table(results, ranking)


def column(table, heading):
    place = [each.heading for each in table.columns].index(heading)
    return [row[place] for row in table.rows]


def store_four(directory, floor=None):
    """Store two models that tie for the second rank, a better one and a worse one."""
    other = np.where(np.arange(30) % 2, NOISE, -NOISE)
    for name, per_byte in (("worst", 2.5 + other), ("b", 2.11 + other), ("a", 2.1 + NOISE), ("best", 1.9 + NOISE)):
        store_bits(directory, cell(name), per_byte, SIZES, floor)


def test_the_title_counts_bytes_and_documents(directory):
    assert table_of(directory).title == "c: 1,234 bytes of test text in 2 documents"


def test_ranks_are_shared_by_models_that_do_not_differ(directory):
    store_four(directory)
    table = table_of(directory)
    assert column(table, "rank") == ["1", "2=", "2=", "4"]
    assert column(table, "model") == ["best ‡", "a ‡", "b ‡", "worst ‡"]
    assert column(table, "group") == ["a", "b", "b", "c"]
    assert table.best == (0,)


def test_differences_to_the_best_have_paired_intervals(directory):
    """The best and a differ by the same amount on each document, so that their intervals do not matter."""
    store_four(directory)
    table = table_of(directory)
    best, tied, *_ = column(table, "to best")
    assert (best, tied) == ("–", "+0.2000")
    assert {len(shown.partition(".")[2]) for shown in column(table, "bits/byte")} == {3}
    assert [len(shown) for shown in column(table, "95 % CI")] == [11] * 4


def test_models_that_do_not_differ_from_the_best_are_known(directory):
    store_bits(directory, cell("kenlm"), 2 + NOISE, SIZES)
    store_bits(directory, cell("mix"), 2.0001 + NOISE, SIZES)
    store_bits(directory, cell("other"), 3 + NOISE, SIZES)
    table = table_of(directory)
    assert table.best == (0, 1)
    assert column(table, "rank") == ["1=", "1=", "3"]


def test_too_few_documents_are_not_ranked(directory):
    for name, per_byte in (("a", [1.0, 1.1, 1.2]), ("b", [2.0, 2.1, 2.3])):
        store_bits(directory, cell(name), np.array(per_byte), [100, 100, 100])
    table = table_of(directory)
    assert column(table, "rank") == column(table, "group") == ["–", "–"]
    assert table.best == ()
    assert column(table, "to best")[1].startswith("+1.03 [")


def test_one_document_has_no_intervals(directory):
    store_bits(directory, cell("a"), np.array([1.5]), [100])
    store_bits(directory, cell("b"), np.array([2.5]), [100])
    table = table_of(directory)
    assert column(table, "bits/byte") == ["1.5000", "2.5000"]
    assert column(table, "95 % CI") == ["–", "–"]
    assert column(table, "to best") == ["–", "+1.0000"]
    assert column(table, "rank") == ["–", "–"]


def test_the_excess_over_a_known_floor_has_its_own_interval(tmp_path):
    """The floor varies as the bits do, so that the excess is the same for each document."""
    record = CORPUS.model_copy(update={"floor_note": "known"})
    directory = new_directory(tmp_path / "run", (record,))
    store_bits(directory, cell("a"), 2 + NOISE, SIZES, floor=(1.5 + NOISE) * SIZES)
    store_bits(directory, cell("b"), 2.5 - NOISE, SIZES, floor=(1.5 + NOISE) * SIZES)
    table = table_of(directory)
    same, varied = column(table, "excess")
    assert same == "0.5000 ± 0.0000"
    value, half_width = varied.split(" ± ")
    assert float(value) == pytest.approx(1 - 2 * NOISE.mean(), abs=0.005)
    assert float(half_width) == pytest.approx(1.96 * 2 * NOISE.std() / np.sqrt(30), rel=0.2)
    assert [each.heading for each in table.columns[2:7]] == ["bits/byte", "95 % CI", "to best", "excess", "word ppl"]


def test_cells_whose_documents_have_no_floor_have_no_excess(tmp_path):
    directory = new_directory(tmp_path / "run", (CORPUS.model_copy(update={"floor_note": "known"}),))
    store(directory, cell("m"))
    assert column(table_of(directory), "excess") == ["–"]


def test_text_without_spaces_shows_bits_per_character(tmp_path):
    directory = new_directory(tmp_path / "run", (CORPUS.model_copy(update={"spaced": False}),))
    store(directory, cell("m"))
    table = table_of(directory)
    assert [each.heading for each in table.columns[2:7]] == ["bits/byte", "95 % CI", "to best", "bits/char", "OOV"]
    assert column(table, "bits/char") == ["11.2000"]  # 8 * 7 bytes / 5 characters


def test_a_model_with_one_seed_is_marked(directory):
    store_bits(directory, cell("m:seed=0"), 2 + NOISE, SIZES)
    table = table_of(directory)
    assert column(table, "model") == ["m:seed=0 ‡ §"]


def test_seeds_of_a_model_are_one_row(directory):
    for seed, shift in enumerate((0.0, 0.02, 0.04)):
        costs = cell("m").costs.model_copy(update={"fit_seconds": 1.0 + seed, "peak_bytes": (1 + seed) << 20})
        store_bits(directory, cell(f"m:seed={seed}", costs=costs), 2 + shift + NOISE, SIZES)
    store_bits(directory, cell("n"), 3 + NOISE, SIZES)
    table = table_of(directory)
    assert column(table, "model") == ["m (3 seeds) ‡", "n ‡"]
    assert column(table, "fit s")[0] == "2.0"
    assert column(table, "MiB")[0] == "2"
    assert float(column(table, "bits/byte")[0]) == pytest.approx(2.02 + NOISE.mean(), abs=0.005)
    assert any(note.endswith("between seeds: m 0.020 (3 seeds).") for note in table.notes)


def test_pretrained_models_that_were_left_out_are_named_on_synthetic_texts_alone(tmp_path):
    source = CORPUS.model_copy(update={"name": "source", "floor_note": "known"})
    directory = new_directory(tmp_path / "run", (CORPUS, source))
    store(directory, cell("m", pretrained=True))
    store(directory, cell("n", corpus="source"))
    models = [model.model_copy(update={"pretrained": model.label == "m"}) for model in directory.manifest.models]
    results = RankedRun.read(directory)
    object.__setattr__(directory, "manifest", directory.manifest.model_copy(update={"models": tuple(models)}))
    natural, synthetic = (build_ranked_table(results, ranking).notes for ranking in results.rankings)
    said = "Not evaluated, since they know natural language and this text is synthetic: m."
    assert said in synthetic
    assert said not in natural


def test_pretrained_models_are_marked_and_the_mark_is_explained(directory):
    store(directory, cell("m", pretrained=True))
    verify(directory, "m")
    table = table_of(directory)
    assert column(table, "model") == ["m †"]
    assert any(note.startswith("† Pretrained on other") for note in table.notes)


def test_a_reason_for_doubt_is_given_once(directory):
    for model in "abc":
        store(directory, cell(model))
    verify(directory, "b", doubt="sums failed: 2")
    table = table_of(directory)
    assert column(table, "model") == ["a ‡", "b ‡", "c ‡"]
    unchecked, doubt = [note for note in table.notes if note.startswith("‡")]
    assert unchecked == "‡ Not checked by the conformance suite: a, c."
    assert doubt.endswith("did not confirm that the scores are probabilities. b: sums failed: 2.")


def test_impossible_numbers_are_not_ranked(directory):
    """They come after the ranked rows, although their bits per byte are the lowest."""
    free = cell("free", impossible=True, doubt="impossible: 900.0 nats likelier than the source's own probability")
    store_bits(directory, free, np.full(30, 0.01), SIZES)
    store_bits(directory, cell("honest"), 2 + NOISE, SIZES)
    store(directory, broken_cell("broken"))
    for model in ("free", "honest"):
        verify(directory, model)
    table = table_of(directory)
    assert [row[:5] for row in table.rows] == [
        ("1", "honest", f"{2 + NOISE.mean():.3f}", column(table, "95 % CI")[0], "–"),
        ("✗", "free ‡", "0.010", "–", "–"),
        ("", "broken (failed)", "", "", ""),
    ]
    assert "‡ free is impossible: 900.0 nats likelier than the source's own probability." in table.notes


def test_verified_models_do_not_need_notes(directory):
    store(directory, cell("m"))
    verify(directory, "m")
    table = table_of(directory)
    assert column(table, "model") == ["m"]
    assert [note for note in table.notes if "†" in note or "‡" in note] == []


@pytest.mark.parametrize(("status", "note"), [("failed", "m failed: why"), ("unavailable", "m is unavailable: why")])
def test_cells_without_numbers_give_the_reason(directory, status, note):
    store(directory, broken_cell("m", status))
    table = table_of(directory)
    assert table.rows == (("", f"m ({status})", *[""] * 10),)
    assert table.notes == (note,)


def test_the_legend_explains_every_column_in_80_columns(directory):
    store(directory, cell("m"))
    table = table_of(directory)
    explained = [name.strip() for line in table.legend for name in line.split(":")[0].split(",")]
    headings = [each.heading for each in table.columns if each.heading != "model"]
    assert [name for name in explained if name != "differ"] == headings
    assert max(map(len, table.legend)) <= 78


def test_remarks_on_the_fit_are_in_the_row(directory):
    store(directory, cell("m", remarks=("time-limited", "undertrained")))
    verify(directory, "m")
    assert column(table_of(directory), "model") == ["m (time-limited, undertrained)"]


def test_missing_and_damaged_cells_are_named(directory):
    for model in "abc":
        store(directory, cell(model))
    (directory.folder(cell("a").row) / "documents.parquet").unlink()
    shutil.rmtree(directory.folder(cell("c").row))
    table = table_of(directory)
    assert column(table, "model") == ["b ‡"]
    assert table.notes[-1] == "1 of 3 cells are stored. Missing or damaged: a, c. `lmbench run` evaluates them."


def test_a_table_may_be_empty(directory):
    table = table_of(directory)
    assert (table.rows, table.notes, table.best) == ((), (), ())


def test_compressors_are_rows_without_a_rank_in_their_place(tmp_path):
    """The test text of the record has 1,234 bytes."""
    anchors = tuple(Anchor(name=name, how=f"{name} -9", bits=1234 * rate) for name, rate in (("a", 2), ("b", 8)))
    directory = new_directory(tmp_path / "other", (CORPUS.model_copy(update={"anchors": anchors}),))
    for rate in (1, 3):
        store_bits(directory, cell(f"m{rate}"), rate + NOISE, SIZES)
    store_bits(directory, cell("free", impossible=True, doubt="impossible"), np.full(30, 0.01), SIZES)
    table = table_of(directory)
    assert [row[:2] for row in table.rows] == [
        ("1", "m1 ‡"),
        ("", "a (compressor)"),
        ("2", "m3 ‡"),
        ("", "b (compressor)"),
        ("✗", "free ‡"),
    ]
    assert column(table, "bits/byte")[1] == "2.000"
    assert set(table.rows[1][3:]) == {"–"}
    assert table.best == (0,)
    [note] = [note for note in table.details if note.startswith("Compressors are not ranked.")]
    assert note.endswith("a -9; b -9.")


def test_the_note_of_a_corpus_is_shown(tmp_path):
    directory = new_directory(tmp_path / "other", (CORPUS.model_copy(update={"note": "It is old."}),))
    assert "It is old." in table_of(directory).notes


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
    assert column(table_of(directory), "word ppl") == [shown]
