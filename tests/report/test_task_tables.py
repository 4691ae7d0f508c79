"""The tables of tasks, in each format that shows them."""

import re
from io import StringIO

import pytest
from rich.console import Console

from lmbench.report import tables
from lmbench.report.html import format_tables
from lmbench.report.latex import format_latex
from lmbench.report.markdown import format_markdown
from lmbench.report.methods import describe_methods
from lmbench.report.ranked_run import RankedRun
from lmbench.report.task_tables import build_task_table, build_tasks_table
from tests.answering import BITS, answer, fail, new_run, right, task_of
from tests.report.cells import cell, store_bits, text
from tests.report.tasked import HOSTILE, make_run, read


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return read(make_run(tmp_path_factory.mktemp("tasked") / "run"))


def table_of(results, number=0):
    return build_task_table(results, results.tasks[number])


def column(contents, heading):
    place = [one.heading for one in contents.columns].index(heading)
    return [row[place] for row in contents.rows]


def show(results, width):
    file = StringIO()
    console = Console(file=file, width=width, color_system=None)
    for table in tables.terminal(results):
        console.print(table)
    return file.getvalue()


def test_a_row_has_value_interval_rank_and_place_to_chance(results):
    contents = table_of(results)
    assert column(contents, "model")[:3] == ["gpt2 † ‡", "kenlm ‡", "ppm ‡"]
    assert column(contents, "accuracy") == ["97.5", "85.0", "75.0", "55.0", "25.0"]
    assert column(contents, "95 % CI")[1] == "70.2–94.3"  # of Clopper and Pearson, 34 of 40
    assert column(contents, "chance") == ["above", "above", "above", "above", "≈"]
    assert column(contents, "rank")[0] == "1="
    assert column(contents, "to best")[0] == "–"
    assert column(contents, "to best")[4].startswith("−72.5 [")


def test_seeds_are_one_row_and_other_metrics_short_columns(results):
    contents = table_of(results)
    place = column(contents, "model").index("net (2 seeds) ‡")
    assert column(contents, "bytes")[place] == "55.0"
    assert column(contents, "f1")[place] == "50.0"
    assert column(contents, "bytes")[0] == column(contents, "f1")[4] == "–"  # not answered


def test_notes_tell_chance_overlap_seeds_and_what_pretrained_models_read(results):
    notes = "\n".join(table_of(results).notes)
    assert "Guessing gives 25.0 %." in notes
    assert "Overlap: 1.2 % of the items with 13 words or more share 13 in a row with the training text." in notes
    assert "† What pretrained models have read is not known, and may include the items." in notes
    assert "Standard deviation of accuracy between seeds: net 7.1 (2 seeds)." in notes
    assert HOSTILE in notes


@pytest.mark.parametrize(("second", "is_said"), [(right(30, 40), False), (right(20, 40), True)])
def test_no_detectable_difference_is_named_for_equal_answers(tmp_path, second, is_said):
    directory = new_run(tmp_path / "run", task_of())
    answer(directory, "a", accuracy=right(30, 40))
    answer(directory, "b", accuracy=second)
    notes = " ".join(table_of(read(directory)).notes)
    assert ("These items show a difference to the best of" in notes) == is_said


def test_a_failed_cell_shows_its_error_and_few_items_give_no_ranks(results):
    contents = table_of(results, 1)
    assert column(contents, "rank") == ["–", ""]
    assert column(contents, "model") == ["kenlm ‡", "broken (failed)"]
    assert f"broken failed: {HOSTILE}" in contents.notes
    assert "The items count as 5: too few to rank models, which takes 10." in contents.notes
    assert any(
        note.startswith("half is not ranked by metrics that some items lack: accuracy (4 of 5 items)")
        for note in contents.notes
    )


def test_the_table_of_all_tasks_has_a_column_for_each(results):
    contents = build_tasks_table(results)
    assert [one.heading for one in contents.columns] == ["model", "quiz", "few"]
    rows = {row[0]: row[1:] for row in contents.rows}
    assert rows["kenlm"] == ("85.0 ab", "60.0")
    assert rows["uniform"][1] == rows["broken"][0] == "–"
    assert rows["broken"][1] == "failed"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_the_terminal_is_wider_than_it(results, width):
    lines = show(results, width).splitlines()
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)


def test_bits_have_the_digits_of_their_interval_and_lower_is_better(tmp_path):
    directory = new_run(tmp_path / "run", task_of(metrics=(BITS,)))
    answer(directory, "a", bits=[4.0, 5.0] * 20)
    answer(directory, "b", bits=[6.0, 7.5] * 20)
    contents = table_of(RankedRun.read(directory))
    assert column(contents, "bits") == ["4.50", "6.75"]
    assert column(contents, "chance") == ["–", "–"]
    assert any("in bits" in line and "lower is better" in line for line in contents.legend)


def test_markdown_and_notebooks_escape_everything(results):
    markdown, page = format_markdown(results), format_tables(results)
    assert "### quiz: 40 items, multiple choice, models trained on fables-en" in markdown
    assert "gpt2 on quiz: `lmbench|model:gpt2`" in markdown
    for shown in (markdown, page):
        assert "<script>" not in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_latex_has_a_table_for_each_task(results):
    text = format_latex(results)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert text.count(r"\begin{table}") == 2
    assert r"\label{tab:quiz}" in text
    assert any(row.startswith(r"1= & \textbf{gpt2 \textdagger{}") for row in rows)
    assert r"$\approx$" in text
    assert len({row.count("&") for row in rows[:6]}) == 1


def test_methods_define_accuracy_ties_intervals_and_tests(results):
    methods = describe_methods(results)
    text = " ".join(methods.sentences)
    assert "1/k if it shares that place with k − 1 others" in text
    assert "exact (Clopper and Pearson 1934)" in text
    assert "exact test of McNemar (1947)" in text
    assert "Bits per byte" not in text
    assert [re.split(",", reference)[0] for reference in methods.references] == [
        "Clopper", "Hartigan", "Holm", "McNemar",
    ]  # fmt: skip


def test_a_run_with_both_shows_both_and_writes_all_files(tmp_path):
    directory = new_run(tmp_path / "run", task_of(), corpora=(text("c"),))
    store_bits(directory, cell("kenlm"), 2.0, [100] * 12)
    answer(directory, "kenlm", accuracy=right(30, 40))
    results = RankedRun.read(directory)
    shown = show(results, 80)
    assert shown.index("c: 1,234 bytes of test text") < shown.index("quiz: 40 items")
    assert tables.list_files(results) == (*tables.FILES, "tasks.csv", "tasks.parquet")
    tables.write(results)
    assert all((directory.path / name).is_file() for name in tables.list_files(results))


def test_a_run_with_tasks_alone_writes_no_files_of_corpora(results):
    names = ("table.md", "table.tex", "report.html", "tasks.csv", "tasks.parquet")
    assert tables.list_files(results) == names
    tables.write(results)
    assert {file.name for file in results.directory.path.iterdir() if file.is_file()} >= set(names)


def test_a_task_whose_cells_all_failed_has_a_table(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    fail(directory, "broken")
    results = RankedRun.read(directory)
    assert column(table_of(results), "model") == ["broken (failed)"]
    assert "broken failed: why" in show(results, 80)
    tables.write(results)


def test_missing_cells_are_named(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    lost = answer(directory, "kenlm", accuracy=right(30, 40))
    answer(directory, "ppm", accuracy=right(20, 40))
    (directory.folder(lost.row) / "items.parquet").unlink()
    notes = table_of(RankedRun.read(directory)).notes
    assert "1 of 2 cells are stored. Missing or damaged: kenlm. `lmbench run` evaluates them." in notes
