import csv

import pandas as pd
import pytest

from lmbench.corpora.records import parse_json_lines, parse_json_list, parse_table
from lmbench.errors import CorpusError


def test_a_record_has_its_text_in_the_first_field_that_it_has():
    lines = '{"a": "1", "b": "2"}\n\n{"b": ["3", "4"]}\r\n'
    assert list(parse_json_lines(lines, "x", ["a", "b"])) == ["1\n", "3\n4\n"]
    assert list(parse_json_lines(lines, "x", ["b"])) == ["2\n", "3\n4\n"]


def test_a_list_or_a_single_record():
    assert list(parse_json_list('[{"a": "1"}, {"a": "2\\n"}]', "x", ["a"])) == ["1\n", "2\n"]
    assert list(parse_json_list('{"a": "1"}', "x", ["a"])) == ["1\n"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "x is not JSON: "),
        ("[" * 200_000, "x is nested too deeply"),
        ('[{"a": "1"}, 2]', "x, record 2, is not a JSON object with a field 'a'"),
        ('[{"b": "1"}]', "x, record 1, lacks the field 'a'; it has: b"),
        ('[{"a": [1]}]', "x, record 1, holds list in its field 'a' instead of text"),
        ('[{"a": "1\\u0000"}]', "x, record 1 is not text: it has a NUL byte at offset 1"),
    ],
)
def test_malformed_lists_are_refused(text, message):
    with pytest.raises(CorpusError, match=message):
        list(parse_json_list(text, "x", ["a"]))


def test_integers_of_any_length_are_json():
    """Python itself refuses to convert more than 4,300 digits."""
    lines = '{"a": "1", "n": ' + "9" * 5000 + "}"
    assert list(parse_json_lines(lines, "x", ["a"])) == ["1\n"]
    assert list(parse_json_list(f"[{lines}]", "x", ["a"])) == ["1\n"]


def test_a_column_of_a_table():
    table = parse_table('n,text\r\n1,"a, ""b""\nc"\r\n\r\n2,d\n', "x", "csv")
    assert table.columns == ("n", "text")
    assert table.rows == (("1", 'a, "b"\nc'), ("2", "d"))
    assert table.column("text") == ('a, "b"\nc', "d")
    assert parse_table('n\ttext\n1\t"a, b\n2\tc d"\n', "x", "tsv").column("text") == ('"a, b', 'c d"')


def test_tables_are_read_as_other_programs_write_them(tmp_path):
    """pandas writes the table in each way in which spreadsheets and R write theirs."""
    frame = pd.DataFrame({"n": [1, 2, 3], "text": ['a; "b",\tc', "d", '"e"']})
    for kind, options in (
        ("csv", {}),
        ("csv", {"sep": ";"}),
        ("csv", {"sep": "\t"}),
        ("tsv", {"sep": "\t", "quoting": csv.QUOTE_NONNUMERIC}),
    ):
        table = parse_table(frame.to_csv(index=False, **options), "x", kind)
        assert table.columns == ("n", "text")
        assert table.column("text") == tuple(frame.text)
    tabs = parse_table(frame[1:].to_csv(index=False, sep="\t"), "x", "tsv")
    assert tabs.column("text") == ("d", '"e"')


def test_fields_of_tables_may_be_long():
    before = csv.field_size_limit()
    assert parse_table("text\n" + "a" * 200_000, "x", "csv").column("text") == ("a" * 200_000,)
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n,body\n1,ab\n", r"x is a table without a column 'text'; name .*, as in column=body \(columns: n, body\)"),
        ("", r"x is a table without a column 'text'; .* as in column=NAME \(columns: none\)"),
        ("text,,text\na,b,c\n", r"x is a table with several columns 'text'"),
        ("n,text\n1,a\n2\n", r"x, line 3: 1 columns, and the first line names 2"),
        ('n,text\n1,"a\n', r"x, line 2: unexpected end of data"),
        ('n,text\n1,"a"b\n', r"x, line 2: ',' expected after '\"'"),
    ],
)
def test_malformed_tables_are_refused(text, message):
    with pytest.raises(CorpusError, match=message):
        parse_table(text, "x", "csv").column("text")
