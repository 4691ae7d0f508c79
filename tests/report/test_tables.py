import csv
import io
import math

import pytest

from lmbench import Corpus, ModelSpec, Split
from lmbench.exhibit import Exhibit
from lmbench.report import exhibits, tables
from lmbench.runs.store import Cell, RunDirectory, Verification
from tests.runs.test_runner import Recorder, run


@pytest.fixture
def directory(tmp_path):
    corpus = Corpus(
        "toy|corpus",
        Split(("a b\n",) * 9),
        Split(("a b\n",)),
        Split(("a b\n", "b a\n")),
        provenance="lines",
        tokenized=True,
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
    assert "Floor: 0.3607 bits/byte, known." in text
    assert "- kenlm:order=2: `order:2|" in text


def test_where_the_source_is_known_the_excess_over_its_floor_is_shown(directory):
    """Two documents of 4 bytes, whose source needs 1 nat for each: 2 / ln 2 / 8 bits per byte."""
    text = tables.markdown(directory)
    [header, *_, uniform, _] = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in header.split("|")[2:7]] == ["model", "bits/byte", "excess", "95 % CI", "word ppl"]
    assert uniform.split("|")[4].strip() == f"{8 - 2 / math.log(2) / 8:.4f}"
    assert "excess: bits/byte above the floor" in text
    rows = list(csv.DictReader(io.StringIO(tables.csv(directory))))
    assert float(rows[0]["excess"]) == pytest.approx(8 - 2 / math.log(2) / 8)
    assert float(rows[0]["oov_rate"]) == 0


def test_cells_stored_without_an_excess_are_shown_without_one(directory):
    [cell, *_] = directory.cells()
    directory.write(cell.model_copy(update={"metrics": cell.metrics.model_copy(update={"excess": None})}), None)
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


def test_a_terminal_of_80_columns_shows_every_number_whole(directory):
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    for table in tables.terminal(directory):
        console.print(table)
    text = console.export_text()
    assert "…" not in text
    assert "kenlm:order=2" in text


def test_unverified_models_are_marked(directory):
    doubt = "normalization failed: after 'the' the next events sum to 1.3"
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


def test_text_without_spaces_has_bits_per_character_first_and_no_word_perplexity(tmp_path):
    splits = (Split((text,)) for text in ("我是一个人\n", "人\n", "一个\n人\n"))
    corpus = Corpus("chinese", *splits, provenance="lines", spaced=False)
    text = tables.markdown(run([ModelSpec("uniform")], [corpus], tmp_path / "run", Recorder()))
    header = next(line for line in text.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in header.split("|")[2:7]] == ["model", "bits/char", "bits/byte", "95 % CI", "OOV"]
    assert "word ppl" not in text
    assert f"{8 * 11 / 5:.4f}" in text


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
    from rich.console import Console

    console = Console(width=100, file=io.StringIO())
    console.print(exhibits.terminal(exhibit))
    return console.file.getvalue()


def test_exhibits_have_a_page_with_pictures_which_the_table_links(directory):
    [first, *_] = directory.cells()
    directory.write(first, None, (WORDS, CURVE))
    tables.write(directory)
    exhibits.write(directory)
    text = (directory.path / "table.md").read_text()
    assert "- [uniform on toy\\|corpus](exhibits/001-uniform.md): States &lt;b>; Training" in text
    page = (directory.path / "exhibits/001-uniform.md").read_text()
    assert "the \\| \\[red\\]x\\[/\\] &lt;i> 汉\\\\x1b\\[31m" in page
    assert "![Training](001-uniform-2.png)" in page
    kenlm = next(cell.metrics.bits_per_byte for cell in directory.cells() if cell.model == "kenlm:order=2")
    assert f"over time (bits per byte); kenlm: 2.5; kenlm:order=2, test text: {kenlm:.4g}" in page
    assert (directory.path / "exhibits/001-uniform-2.png").read_bytes().startswith(b"\x89PNG")
    assert not (directory.path / "exhibits/001-uniform-1.png").exists()


def test_cells_without_exhibits_are_not_linked(directory):
    assert "What the models learned" not in tables.markdown(directory)


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
