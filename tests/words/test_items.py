import gzip
import io

import pandas as pd
import pytest

from lmbench.corpora.formats import AUTO, TextFormat
from lmbench.errors import CorpusError
from lmbench.words.items import Columns, read_items

ROWS = [("1", "The old man", "a|b"), ("2", 'the "boat"', "c, d")]


def read(source, text_format=AUTO, **columns):
    return read_items(source, Columns(**columns), text_format)


def write_table(path):
    frame = pd.DataFrame(ROWS, columns=["id", "sentence", "note"])
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            path.write_text("\n".join("\t".join(row) for row in [tuple(frame.columns), *ROWS]) + "\n")
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        case ".json":
            frame.to_json(path, orient="records")
        case ".parquet":
            frame.to_parquet(path)
        case ".gz":
            path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    return frame


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.parquet", "x.csv.gz"])
def test_tables_keep_their_other_columns(tmp_path, name):
    frame = write_table(tmp_path / name)
    items = read(tmp_path / name)

    assert items.texts == tuple(frame["sentence"])
    assert items.kept.astype(str).to_dict("list") == frame[["id", "note"]].to_dict("list")


def test_cells_are_kept_as_they_are_written(tmp_path):
    (tmp_path / "x.csv").write_text("text,n,v\na,007,NA\n")
    assert read(tmp_path / "x.csv").kept.to_dict("records") == [{"n": "007", "v": "NA"}]


def test_numbers_of_json_stay_numbers(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"text": "a", "n": 7}\n\n{"text": "b"}\n')
    assert read(tmp_path / "x.jsonl").kept["n"].tolist()[0] == 7


def test_plain_text_has_an_item_a_line(tmp_path):
    (tmp_path / "x.txt").write_bytes("\ufeffone item\r\n\nanother\n".encode())
    assert read(tmp_path / "x.txt").texts == ("one item", "another")


def test_texts_and_columns_of_data_frames_are_items():
    frame = pd.DataFrame({"s": ["a b", "c"]})
    assert read(frame["s"]).texts == read(["a b", "c"]).texts == read(frame).texts == ("a b", "c")


def test_the_encoding_and_the_layout_can_be_given(tmp_path):
    (tmp_path / "x.dat").write_bytes("sätze\tn\nÄhre\t1\n".encode("latin-1"))
    assert read(tmp_path / "x.dat", TextFormat(encoding="latin-1", layout="tsv"), text="sätze").texts == ("Ähre",)


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a b\nc\n")))
    assert read("-").texts == ("a b", "c")


@pytest.mark.parametrize("cell", ["The old|  man  the|boat. ", ["The old", "man the", "boat."]])
def test_regions_are_found_by_their_letters(cell):
    text = "The  old man\tthe boat."
    items = read(pd.DataFrame({"s": [text], "r": [cell]}), text="s", regions="r")

    assert [text.encode()[start:end].decode() for start, end in items.spans[0]] == ["The  old", "man\tthe", "boat."]
    assert list(items.kept.columns) == []


@pytest.mark.parametrize(
    ("frame", "columns", "message"),
    [
        ({"a": ["x"], "b": ["y"]}, {}, "several columns may hold the text; name one of: a, b"),
        ({1: ["x"], 2: ["y"]}, {}, "several columns may hold the text; name one of: 1, 2"),
        ({"a": ["x"]}, {"text": "b"}, "the items do not have a column 'b'; they have: a"),
        ({"text": ["x", None]}, {}, "item 2 is None instead of text"),
        ({"text": ["x", " "]}, {}, "item 2 does not have a word"),
        ({"text": ["x\0"]}, {}, "item 1 is not text: it has a NUL byte"),
        ({"text": []}, {}, "the table is empty"),
        ({"text": ["a b"], "r": ["a|c"]}, {"regions": "r"}, "item 1: its regions do not spell its text"),
        ({"text": ["a b"], "r": ["a| |b"]}, {"regions": "r"}, "item 1: one of its regions is blank"),
        ({"text": ["a b"], "r": [3]}, {"regions": "r"}, "item 1 has an int instead of regions"),
    ],
)
def test_items_that_cannot_be_used_are_refused(frame, columns, message):
    with pytest.raises(CorpusError, match=message.replace("|", r"\|")):
        read(pd.DataFrame(frame, dtype=object), **columns)


@pytest.mark.parametrize("column", ["text", "n"])
def test_several_columns_of_one_name_are_refused(column):
    frame = pd.DataFrame([["a", "b", "c"]], columns=["text", column, "n"])
    with pytest.raises(CorpusError, match=f"the items have several columns '{column}'"):
        read(frame)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "an int does not hold items"),
        (None, "None does not hold items"),
        ({"text": ["a b"]}, "a dict does not hold items"),
        (b"a b", "a bytes does not hold items"),
        ("a\0b", "the file 'a\0b' does not exist"),
        ("The old man the boat. " * 500, r"the file 'The old man .{20,50}…' does not exist"),
    ],
)
def test_what_does_not_hold_items_is_refused(source, message):
    with pytest.raises(CorpusError, match=message):
        read(source)


def test_a_column_need_not_have_a_text_for_a_name():
    assert read(pd.DataFrame([["a b"]])).texts == ("a b",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.tsv", None, "does not exist"),
        ("x.jsonl", b"{", "is not JSON"),
        ("x.jsonl", b'{"text": "a", "note": "\\ud800"}', "has half of a surrogate pair"),
        ("x.jsonl", b"3\n", "holds something other than JSON objects"),
        ("x.parquet", b"PAR1", "cannot read"),
        ("x.csv", b"text,n\na\n", "line 2: 1 columns, and the first line names 2"),
        ("x.tsv", b"text\n\xff\n", "is not UTF-8"),
        ("x.csv.gz", b"\x1f\x8b\x08\x00", "cannot read"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        (["A fox", "After the fox ate, it"], "ate,"),
        (["It fell."], "fell."),
        (["Mr. Fox ate , and fell ."], ""),
        (["1,000 of 3.5"], ""),
    ],
)
def test_words_with_punctuation_are_found(texts, word):
    assert read(texts).find_punctuated() == word
