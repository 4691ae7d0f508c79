import io

import pytest
from rich.console import Console

from lmbench.exhibit import Exhibit
from lmbench.report import exhibits, tables
from lmbench.report.markdown import format_markdown
from lmbench.report.page.learned import list_learned
from lmbench.report.ranked_run import RankedRun
from lmbench.runs.store import stem
from tests.answering import answer, new_run, right, task_of
from tests.report.cells import cell
from tests.report.cells import text as record_text
from tests.storing import store

WORDS = Exhibit(
    title="States <b>",
    shows="what | is emitted",
    kind="table",
    columns=("state", "emits"),
    rows=((0, "the | [red]x[/] <i> 汉\x1b[31m"),),
)
CURVE = Exhibit(
    title="Training",
    shows="over time",
    kind="lines",
    columns=("seconds", "valid"),
    rows=tuple((second, 8 / (1 + second)) for second in range(100)),
    unit="bits per byte",
    levels=(("kenlm", 2.5),),
)
MOVES = Exhibit(
    title="Moves", shows="s", kind="heatmap", columns=("from", "a", "b"), rows=(("a", 1.0, 0), ("b", 0.5, None))
)


def printed(exhibit):
    console = Console(width=100, file=io.StringIO())
    console.print(exhibits.terminal(exhibit))
    return console.file.getvalue()


def test_exhibits_have_a_page_with_pictures_that_the_table_links_to(directory):
    [first, *_] = directory.cells()
    name = stem(first.row)
    store(directory, first, (WORDS, CURVE), like=first)
    tables.write(RankedRun.read(directory))
    exhibits.write(directory)
    text = (directory.path / "table.md").read_text()
    assert f"- [uniform on toy\\|corpus](exhibits/{name}.md): States &lt;b>; Training" in text
    page = (directory.path / f"exhibits/{name}.md").read_text()
    assert "the \\| \\[red\\]x\\[/\\] &lt;i> 汉\\\\x1b\\[31m" in page
    assert f"![Training]({name}-2.svg)" in page
    kenlm = next(cell.metrics.bits_per_byte for cell in directory.cells() if cell.model == "kenlm:order=2")
    assert f"over time (bits per byte); kenlm: 2.5; kenlm:order=2, test text: {kenlm:.4g}" in page
    assert (directory.path / f"exhibits/{name}-2.svg").read_text().startswith("<svg ")
    assert not (directory.path / f"exhibits/{name}-1.svg").exists()


def test_cells_of_tasks_have_one_page_with_the_cell_that_shares_their_fit(tmp_path):
    tasks = ("c", "quiz", "other")
    directory = new_run(tmp_path / "run", *map(task_of, tasks), corpora=tuple(map(record_text, "cd")))
    for task in tasks:
        shown = (WORDS,) if task == "other" else (WORDS, CURVE)
        answer(directory, "hmm", task, exhibits=shown, accuracy=right(20, 40))
    exhibits.write(directory)
    assert {file.name for file in (tmp_path / "run/exhibits").iterdir()} == {
        "hmm-on-c-task.md", "hmm-on-c-task-2.svg", "hmm-on-other-task.md",
    }  # fmt: skip
    for corpus in ("c", "d"):
        store(directory, cell("hmm", corpus=corpus), (WORDS, CURVE))
    exhibits.write(directory)
    assert {file.name for file in (tmp_path / "run/exhibits").iterdir()} == {
        "hmm-on-c.md", "hmm-on-c-2.svg", "hmm-on-d.md", "hmm-on-d-2.svg", "hmm-on-other-task.md",
    }  # fmt: skip
    page = (tmp_path / "run/exhibits/hmm-on-c.md").read_text()
    assert page.startswith("# hmm on c, quiz\n")
    assert page.count("Signature: ") == 3
    results = RankedRun.read(directory)
    assert "\n- [hmm on c, quiz](exhibits/hmm-on-c.md): States &lt;b>; Training\n" in format_markdown(results)
    assert [learned.places for learned in list_learned(results)] == ["c, quiz", "d", "other"]


def test_cells_without_exhibits_are_not_linked(directory):
    text = format_markdown(RankedRun.read(directory))
    assert "- [kenlm:order=2 on toy\\|corpus](exhibits/" in text
    assert "- [uniform on " not in text


def test_the_terminal_shows_corpus_text_escaped():
    text = printed(WORDS)
    assert "the | [red]x[/] <i> 汉\\x1b[31m" in text
    assert "\x1b" not in text


def test_the_terminal_shows_the_first_and_last_of_many_points():
    rows = [line.split() for line in printed(CURVE).splitlines() if line.strip()[:1].isdigit()]
    assert len(rows) <= 21
    assert rows[0] == ["0", "8"]
    assert rows[-1] == ["99", "0.08"]


def test_the_terminal_shows_heatmaps_as_shades():
    lines = printed(MOVES).splitlines()
    assert [line.split() for line in lines if "█" in line or "▒" in line] == [["a", "█"], ["b", "▒"]]


@pytest.mark.parametrize("number", [1, 20, 21, 40, 41])
def test_the_terminal_shows_at_most_21_points_and_both_ends(number):
    points = CURVE.model_copy(update={"rows": CURVE.rows[:number]})
    rows = [line.split() for line in printed(points).splitlines() if line.strip()[:1].isdigit()]
    assert min(number, 11) <= len(rows) <= 21
    assert (rows[0][0], rows[-1][0]) == ("0", str(number - 1))


def test_only_curves_in_bits_per_byte_are_compared_with_other_models(directory):
    [first, *_] = directory.cells()
    name = stem(first.row)
    store(directory, first, (CURVE.model_copy(update={"unit": "nats"}), WORDS), like=first)
    exhibits.write(directory)
    page = (directory.path / f"exhibits/{name}.md").read_text()
    assert "over time (nats); kenlm: 2.5\n" in page
    assert "test text" not in page


def test_a_page_gives_the_signature_of_its_cell(directory):
    [first, *_] = directory.cells()
    fit = exhibits.FitExhibits((first,), (WORDS,))
    assert exhibits.page(fit).endswith(f"Signature: `{first.signature}`\n")
