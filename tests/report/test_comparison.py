import io

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from lmbench.analysis.comparison import RunModel, compare_models, compare_runs
from lmbench.printable import printable_lines
from lmbench.report.comparison import build_model_table, build_run_tables, show_p, summarize_runs
from lmbench.report.comparison_notes import list_run_notes
from lmbench.report.terminal_table import TerminalTable
from tests.analysis.crafted import NOISE, add, add_broken, made_on, model_record, new_run
from tests.report.cells import text

HOSTILE = "x\x1b]52;c;x\x07\u202e[red]\n"


@pytest.fixture
def run(tmp_path):
    return new_run(tmp_path / "run", text(), text("d"))


@pytest.fixture
def runs(tmp_path):
    return new_run(tmp_path / "x", text(), text("d")), new_run(tmp_path / "y", text(), text("d"))


def models(directory, model="a", baseline="b", **options):
    return compare_models(RunModel(directory, model), RunModel(directory, baseline), **options)


def lines(contents):
    console = Console(width=80, file=io.StringIO())
    console.print(TerminalTable(contents))
    found = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert max(map(cell_len, found)) <= 80
    return found


def notes(contents):
    return [*contents.legend, *contents.notes]


def test_two_models_have_a_row_for_each_corpus(run):
    add(run, "a", 194 + NOISE)
    add(run, "b", 200 + NOISE)
    add(run, "a", 200.0 + 0 * NOISE, corpus="d")
    add(run, "b", 200.0 + 0 * NOISE, corpus="d")
    contents = build_model_table(models(run))
    first, second = (f"{(total + NOISE.mean()) / 100:.4f}" for total in (194, 200))
    relative = f"−{6 / (200 + NOISE.mean()) * 100:.2f}"
    assert contents.rows == (
        ("c", first, second, "−0.0600", "−0.0600", "−0.0600", relative, "0.0005", "12/12", "better"),
        ("d", "2.0000", "2.0000", "0.0000", "0.0000", "0.0000", "0.00", "1.00", "0/12", "same"),
    )
    assert contents.title == "a and b"
    assert "first, second: bits/byte of a and of b" in contents.legend
    assert "same: the same bits for each document" in contents.legend
    assert not any(line.startswith(("worse", "equal", "too few")) for line in contents.legend)


def test_a_table_of_usual_names_fits_in_80_columns(tmp_path):
    """No column is moved below the others, even for the widest numbers."""
    directory = new_run(tmp_path / "run", text("wikitext-2"))
    bits = np.random.default_rng(0).normal(200, 1, 60)
    sizes = np.full(60, 100)
    add(directory, "a", bits - 0.155, sizes, corpus="wikitext-2")
    add(directory, "b", bits + np.random.default_rng(1).normal(0, 0.05, 60), sizes, corpus="wikitext-2")
    table = build_model_table(models(directory))
    assert len(table.rows[0][3]) == len("−0.00155")
    [heading] = [line for line in lines(table) if "verdict" in line]
    assert heading.split() == ["corpus", "first", "second", "diff.", "low", "high", "%", "p", "wins", "verdict"]


def test_a_difference_that_is_not_shown_says_what_would_be_needed(run):
    add(run, "a", 200 + NOISE)
    add(run, "b", 200 - NOISE)
    compared = models(run)
    [pair] = compared.pairs
    [note] = [note for note in build_model_table(compared).notes if note.startswith("c: this text shows")]
    assert f"at least {pair.comparison.detectable:.3f} bits/byte" in note
    assert f"One of {abs(pair.comparison.difference.value):.4f} needs about" in note
    assert any(unit in note for unit in (" kB of", " MB of", " bytes of"))


def test_too_few_documents_are_counted_and_the_dominant_one_is_named(run):
    sizes = np.array([*[100] * 11, 1000])
    add(run, "a", 2.0 * sizes, sizes)
    add(run, "b", 2.1 * sizes + NOISE, sizes)
    [note] = [note for note in build_model_table(models(run)).notes if "count as" in note]
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    counted = f"c: 12 documents count as {effective:.1f} of equal size: too few to rank models, which takes 10."
    assert note == f"{counted} Document 11 (counted from 0) has {100_000 / sizes.sum():.0f} % of the bytes."


def test_one_document_has_neither_an_interval_nor_p(run):
    add(run, "a", np.array([200.0]), np.array([100]))
    add(run, "b", np.array([300.0]), np.array([100]))
    [row] = build_model_table(models(run)).rows
    assert row == ("c", "2.0000", "3.0000", "−1.0000", "–", "–", "−33.33", "–", "1/1", "too few")


def test_a_baseline_of_no_bits_has_no_percentage(run):
    add(run, "a", 200 + NOISE)
    add(run, "b", 0 * NOISE)
    [row] = build_model_table(models(run)).rows
    assert row[6] == "–"


def test_seeds_and_the_variance_that_one_seed_leaves_out_are_noted(run):
    for seed in (0, 1):
        add(run, f"a:seed={seed}", 200 + NOISE, model=model_record(f"a:seed={seed}", {"seed": seed}))
    add(run, "b", 190 + NOISE, model=model_record("b", {"seed": 0}))
    found = build_model_table(models(run)).notes
    assert "a: the mean over 2 seeds." in found
    assert "Training variance is not included for b: --seeds 5 measures it." in found


def test_marks_are_explained(run):
    for corpus in ("c", "d"):
        add(run, "a", 200 + NOISE, corpus=corpus, pretrained=True)
        add(run, "b", 190 + NOISE, corpus=corpus, doubt="the audit failed: sums" if corpus == "d" else "")
    found = build_model_table(models(run)).notes
    assert "d: ‡ b: the audit failed: sums." in found
    assert "‡ Not checked by the conformance suite: a, b." in found
    assert any(note.startswith("† Pretrained on other") for note in found)


def test_what_is_refused_is_noted(run):
    add(run, "a", 200 + NOISE)
    add(run, "b", 190 + NOISE)
    add(run, "b", 190 + NOISE, corpus="d")
    add_broken(run, "a", "d", error="boom")
    assert "Not compared: d: a failed: boom." in build_model_table(models(run)).notes


def test_what_is_refused_for_the_same_reason_is_noted_once(runs):
    for directory in runs:
        add(directory, "a", 200 + NOISE)
        for corpus in ("c", "d"):
            add_broken(directory, "b", corpus, error="boom")
    assert list_run_notes(compare_runs(*runs))[-1] == "Not compared: b on c, b on d: b failed: boom."


def test_models_with_one_seed_are_noted_together(runs):
    for directory in runs:
        for name in ("a", "b"):
            add(directory, name, 200 + NOISE, model=model_record(name, {"seed": 0}))
    assert "Training variance is not included for a, b: --seeds 5 measures it." in list_run_notes(compare_runs(*runs))


def test_one_row_with_other_numbers_is_one_row(runs):
    for directory, bits in zip(runs, (200, 190), strict=True):
        add(directory, "a", bits + NOISE)
    assert "0 of 1 row has the same numbers." in summarize_runs(compare_runs(*runs))


def test_models_of_two_runs_are_named_with_their_runs(runs):
    add(runs[0], "a", 200 + NOISE)
    add(runs[1], "b", 190 + NOISE)
    compared = compare_models(RunModel(runs[0], "a"), RunModel(runs[1], "b"))
    found = notes(build_model_table(compared))
    assert f"first, second: bits/byte of a in {runs[0].path} and of b in {runs[1].path}" in found
    assert "first run: ‡ Not checked by the conformance suite: a." in found
    assert "second run: ‡ Not checked by the conformance suite: b." in found


def test_runs_show_the_rows_that_differ_and_count_the_others(runs):
    for directory, change in zip(runs, (0, -6), strict=True):
        for corpus in ("c", "d"):
            add(directory, "same", 200 + NOISE, corpus=corpus)
        add(directory, "a", 200.0 + change + 0 * NOISE)
    add(runs[0], "gone", 200 + NOISE)
    add(runs[1], "added", 200 + NOISE, corpus="d")
    compared = compare_runs(*runs)
    [table] = build_run_tables(compared)
    assert table.title == "c: 1 of 2 rows with other numbers"
    assert table.rows == (("a", "2.0000", "1.9400", "−0.0600", "−0.0600", "−0.0600", "−3.00", "0.0005", "better"),)
    assert summarize_runs(compared) == [
        f"first: {runs[0].path}",
        f"second: {runs[1].path}",
        "2 of 3 rows have the same numbers.",
        "Options, algorithms, versions and machines are the same.",
    ]
    assert list_run_notes(compared) == [
        "c: ‡ Not checked by the conformance suite: same, a.",
        "d: ‡ Not checked by the conformance suite: same.",
        "Only in the first run: gone on c.",
        "Only in the second run: added on d.",
    ]


def test_changes_name_the_rows_that_they_concern(runs):
    sources = "plugin:" + "1" * 64
    for directory, order, version in zip(runs, (5, 3), ("1", "2"), strict=True):
        for corpus in ("c", "d"):
            code = {"version": 1, "code": sources if order == 3 else "lmbench", "options": {}}
            model = model_record("a", {"order": order}, identity=code)
            add(directory, "a", 200 + NOISE, corpus=corpus, model=model, provenance=made_on(numpy=version))
            remarks = ("tuned",) if (order, corpus) == (3, "d") else ()
            add(directory, "b", 200 + NOISE, corpus=corpus, provenance=made_on(numpy=version), remarks=remarks)
    [table] = build_run_tables(compare_runs(*runs))
    assert table.rows == (
        ("option order", "5", "3", "a"),
        ("algorithm: sources", "lmbench", "plugin:111111111111", "a"),
        ("remark on the fit", "–", "tuned", "b on d"),
        ("numpy", "1", "2", "all"),
    )


def test_other_training_texts_are_noted(tmp_path):
    directories = new_run(tmp_path / "x"), new_run(tmp_path / "y", text(train_fingerprint="9", train_bytes=2345))
    for directory in directories:
        add(directory, "a", 200 + NOISE)
    found = list_run_notes(compare_runs(*directories))
    assert "The training or validation texts differ (1 and 2,345 bytes of training text)." in found


@pytest.mark.parametrize(
    ("p", "shown"),
    [(1.0, "1.00"), (0.114, "0.11"), (0.0496, "0.050"), (0.0015, "0.002"), (0.00012, "0.0001"), (1e-9, "<1e-4")],
)
def test_p_has_the_digits_that_matter(p, shown):
    assert show_p(p) == shown


def test_hostile_names_are_shown_and_do_nothing(tmp_path):
    directory = new_run(tmp_path / "run", text(HOSTILE))
    add(directory, HOSTILE, 200 + NOISE, corpus=HOSTILE)
    add(directory, "b", 190 + NOISE, corpus=HOSTILE)
    printed = "\n".join(lines(build_model_table(models(directory, HOSTILE))))
    assert printable_lines(printed) == printed
    assert r"\x1b]52;c;x\x07\u202e[red]" in printed
