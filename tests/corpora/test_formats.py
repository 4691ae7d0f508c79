import pytest

from lmbench.corpora.formats import LAYOUTS, TextFormat, find_layout

LINES = '{"text": "a"}\n{"id": 3}\n{"te'
LIST = '[\n  {"text": "a"},\n'
PRETTY = '{\n  "text": ["a", "b"]\n}\n'
TREEBANK = "# sent_id = 1\n1\ta\ta\tDET\t_\t_\t2\tdet\t_\t_\n2\tcat\t"
PLUS = "# global.columns = ID FORM UPOS\n1\ta\tDET\n"
PROSE = 'the cat\n{"text": "a"}\n'


@pytest.mark.parametrize(
    ("name", "start", "layout"),
    [
        ("a.txt", PROSE, "text"),
        ("a", "", "text"),
        ("a.txt", "{x} = {y}\n", "text"),
        ("a.txt", "[1] the cat\n[2] the dog\n", "text"),
        ("a.txt", "1\tthe\tcat\tsat\ton\tthe\tmat\tand\tso\ton\n", "text"),
        ("a.txt", LINES, "jsonl"),
        ("a.txt", '{"text": "a longer li', "jsonl"),
        ("a.txt", LIST, "json"),
        ("a.txt", PRETTY, "json"),
        ("a.txt", TREEBANK, "conllu"),
        ("", PLUS, "conllu"),
        ("a.jsonl", PROSE, "jsonl"),
        ("A.JSONL", LINES, "jsonl"),
        ("a.Ndjson.GZ", LINES, "jsonl"),
        ("a.jsonl", LIST, "json"),
        ("a.json", LINES, "jsonl"),
        ("a.JSON", LIST, "json"),
        ("a.json", PRETTY, "json"),
        ("a.json", PROSE, "json"),
        ("a.conllu", TREEBANK, "conllu"),
        ("a.conllup", PLUS, "conllu"),
        ("a.CoNLL", "1\ta\n", "conllu"),
        ("a.cupt.xz", PLUS, "conllu"),
        ("a.csv", "n,text\n", "csv"),
        ("A.TSV", "n\ttext\n", "tsv"),
        ("a.tab", "n\ttext\n", "tsv"),
    ],
)
def test_the_layout_is_that_of_the_name_and_the_content(name, start, layout):
    found = find_layout(name, start, TextFormat())
    assert found.name == layout
    assert found.guessed == (layout != "text" and name in ("a.txt", ""))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.csv"])
def test_the_user_decides(layout, name):
    found = find_layout(name, LINES, TextFormat(layout=layout))
    assert (found.name, found.guessed) == (layout, False)


@pytest.mark.parametrize(
    ("name", "start", "layout"),
    [
        ("a.txt", LINES, "jsonl"),
        ("a.txt", "\ufeff\n {id: 1}\n", "jsonl"),
        ("a.txt", LIST, "json"),
        ("a.txt", "", "jsonl"),
        ("a.txt", PROSE, "csv"),
        ("", "id,body\r\n1,a\n", "csv"),
        ("", "id\tbody\n1\ta\n", "tsv"),
        ("a.conllu", LINES, "jsonl"),
        ("a.csv", "n,body\n", "csv"),
        ("a.jsonl", "n,body\n", "jsonl"),
    ],
)
def test_with_a_field_unknown_files_are_json_or_tables(name, start, layout):
    """Standard input does not have a name that says what it is."""
    found = find_layout(name, start, TextFormat(field="body"))
    assert (found.name, found.guessed, found.field) == (layout, False, "body")


@pytest.mark.parametrize(
    ("layout", "text_format", "provenance", "shown"),
    [
        ("text", TextFormat(), "lines", "plain text"),
        ("text", TextFormat("block", "big5"), "blocks,encoding=big5", "plain text"),
        ("jsonl", TextFormat(), "records,json=text,line-ends-added", "JSON lines, field 'text'"),
        ("json", TextFormat("line", field="a"), "lines,json=a,line-ends-added", "JSON, field 'a'"),
        ("csv", TextFormat(field="a"), "records,csv=a,line-ends-added", "CSV, column 'a'"),
        ("tsv", TextFormat(), "records,tsv=text,line-ends-added", "tab-separated values, column 'text'"),
        ("conllu", TextFormat(encoding="latin-1"), "conllu,encoding=iso8859-1", "a treebank (CoNLL-U)"),
    ],
)
def test_provenance(layout, text_format, provenance, shown):
    found = find_layout("a", "", TextFormat(text_format.unit, text_format.encoding, text_format.field, layout))
    assert (found.provenance, str(found)) == (provenance, shown)
