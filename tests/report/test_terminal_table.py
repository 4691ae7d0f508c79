import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from lmbench.report.contents import Column, Contents
from lmbench.report.terminal_table import TerminalTable, break_name

NAMES = (
    "uniform",
    "hf:meta-llama/Llama-3.2-1B-Instruct,stride=256,dtype=bfloat16 (time-limited, undertrained) ‡",
    "arpa:/home/somebody/models/一个很长的中文名字的语言模型/五元.arpa",
    "x" * 150,
)
NUMBERS = ("2.4621", "2.39–2.55", "10,735.9", "19.1%", "17.3*", "1.0*", "623k", "1674")
HEADINGS = ("bits/byte", "95 % CI", "word ppl", "OOV", "fit s", "score s", "params", "MiB")
NOTE = "These documents stand alone: what cannot be seen in a narrow terminal is below, " + "一个没有空格的句子" * 5


def contents(name):
    columns = (Column(""), Column("model", "left"), *map(Column, HEADINGS))
    return Contents("fables: 23,641 bytes of test text", columns, (("12", name, *NUMBERS),), ("OOV: share",), (NOTE,))


def lines_at(width, table):
    console = Console(width=width, file=io.StringIO())
    console.print(TerminalTable(table))
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert max(map(cell_len, lines)) <= width
    return lines


def squeeze(text):
    return "".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_no_letter_and_no_column_is_lost(width, name):
    lines = lines_at(width, contents(name))
    starts = [number for number, line in enumerate(lines) if line.startswith("──")]
    shown = []
    for start in starts:
        row = lines[start + 1 : lines.index("", start)]
        while (number := row[0].split()[-1]) in NUMBERS:
            shown.append(number)
            row[0] = row[0].removesuffix(number).rstrip()
        assert squeeze("".join(row)) == squeeze(f"12{name}")
    assert sorted(shown) == sorted(NUMBERS)
    headings = " ".join(lines[start - 1] for start in starts)
    assert [heading for heading in HEADINGS if heading not in headings] == []


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_words_of_notes_are_not_broken(width):
    text = lines_at(width, contents("uniform"))
    after = text[text.index("OOV: share") + 1 :]
    words = " ".join(after).split()
    assert words[: len(NOTE.split()) - 1] == NOTE.split()[:-1]
    assert squeeze("".join(after)) == squeeze(NOTE)


def test_80_columns_have_all_columns_beside_each_other():
    assert sum(line.startswith("──") for line in lines_at(80, contents("kenlm:order=3"))) == 1


def test_names_are_broken_where_they_should_be():
    shown = break_name("transformer:budget=12 (time-limited, undertrained) ‡", 17)
    assert shown == "transformer:\nbudget=12\n(time-limited,\nundertrained) ‡"
    assert break_name("hf:meta-llama/Llama-3.2-1B,stride=256", 16) == "hf:meta-\nllama/Llama-3.2-\n1B,stride=256"
    assert break_name("长名字模型", 4) == "长名\n字模\n型"


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "M", "Z")) | st.sampled_from(" ,:=-")),
    st.integers(2, 30),
)
def test_broken_names_have_all_their_letters_and_fit(text, width):
    lines = break_name(text, width).split("\n")
    assert squeeze("".join(lines)) == squeeze(text)
    assert max(map(cell_len, lines)) <= width
    if max(map(cell_len, re.split(r"(?<=[,:=-])", text))) <= width and " " not in text:
        assert all(line[-1:] in ",:=-" for line in lines[:-1])


def test_text_columns_after_the_names_may_be_broken_too():
    table = Contents(
        "t",
        (Column("model", "left"), Column("corpus", "left"), Column("n")),
        (("hf:some/model,stride=2", "markov:order=3,lines=100000", "1"),),
        (),
        (),
    )
    assert lines_at(40, table)[2:6] == [
        "model                  corpus          n",
        "────────────────────────────────────────",
        "hf:some/model,stride=2 markov:order=3, 1",
        "                       lines=100000",
    ]


def test_an_empty_table_has_its_headings():
    table = Contents("t", (Column("model", "left"),), (), (), ())
    assert lines_at(40, table)[2] == "model"


def test_markup_and_control_characters_are_shown():
    lines = lines_at(80, contents("[b]x\x1b:smile:"))
    assert any("[b]x\\x1b:smile:" in line for line in lines)


@pytest.mark.parametrize("width", [40, 80])
def test_a_wide_matrix_is_continued_below(width):
    names = [f"state {number}" for number in range(30)]
    rows = tuple((name, *(f"0.{row * 100 + number:04d}" for number in range(30))) for row, name in enumerate(names))
    matrix = Contents("Moves", (Column("from", "left"), *map(Column, names)), rows, (), ())
    words = set(" ".join(lines_at(width, matrix)).split())
    assert {number for row in rows for number in row[1:]} <= words


def test_long_headings_of_numbers_are_broken():
    columns = (Column("seconds"), Column("bits per byte of the validation text"), Column("learning rate"))
    lines = lines_at(40, Contents("Training", columns, (("1", "2.5", "0.1"),), (), ()))
    assert "bits per byte of the validation text" in " ".join(" ".join(lines).replace("seconds", " ").split())


@pytest.mark.parametrize(("width", "is_shown"), [(46, True), (45, False), (40, False), (39, True)])
def test_optional_columns_are_shown_if_the_table_is_not_continued_for_them(width, is_shown):
    """Seven numbers need 40 cells. With 39, the seventh is below, and the group has room beside it."""
    columns = (Column("model", "left"), *[Column("bits")] * 7, Column("group", is_optional=True))
    table = Contents("t", columns, (("kenlm", *["1.52"] * 7, "abc"),), (), ())
    assert ("abc" in " ".join(lines_at(width, table))) == is_shown


def test_a_table_that_is_continued_repeats_all_of_its_names():
    columns = (Column("class", "left"), Column("model", "left"), *(Column(f"number {n}") for n in range(12)))
    lines = lines_at(60, Contents("", columns, (("NOUN", "kenlm", *["0.123456"] * 12),), (), ()))
    rows = [line for line in lines if "NOUN" in line]
    assert len(rows) > 1
    assert all("kenlm" in row for row in rows)
