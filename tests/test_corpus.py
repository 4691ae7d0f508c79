import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.corpus import DOCUMENT_UNITS, Split, decode, documents, read_path, strip_lines
from lmbench.errors import CorpusError, UnknownNameError

WIKI = "\n= One =\n\na b\n\n= = Part = =\n\nc = d = e\n= f =\ng\n\n= Two =\n\nh\n"


@pytest.mark.parametrize("unit", DOCUMENT_UNITS)
@given(text=st.text(st.sampled_from("a= \n\r")))
def test_documents_join_to_the_text(unit, text):
    cut = documents(text, unit)
    assert "".join(cut) == text
    assert all(cut)


def test_units():
    assert documents("a\n\nb\nc\n\n\nd", "line") == ("a\n", "\n", "b\n", "c\n", "\n", "\n", "d")
    assert documents("a\n\nb\nc\n\n\nd", "block") == ("a\n\n", "b\nc\n\n\n", "d")
    assert documents("\n\na\n\nb", "block") == ("\n\na\n\n", "b")
    assert documents("a\nb\n", "file") == ("a\nb\n",)


def test_articles_begin_at_titles_between_empty_lines():
    assert documents(WIKI, "article") == (WIKI[: WIKI.index("= Two")], WIKI[WIKI.index("= Two") :])


def test_wikitext2_has_its_published_numbers_of_articles_and_types(mirror):
    """Merity et al. 2016: 600, 60, 60 articles; 33,278 types with the line end; 2,088,628, 217,646, 245,569 tokens."""
    texts = {name: strip_lines((mirror / f"wikitext-2/{name}.txt").read_text()) for name in ("train", "valid", "test")}
    assert [len(documents(text, "article")) for text in texts.values()] == [600, 60, 60]
    assert [len(text.split()) + text.count("\n") for text in texts.values()] == [2088628, 217646, 245569]
    assert len(set(texts["train"].split())) + 1 == 33278


def test_a_fingerprint_is_the_sha256_of_the_bytes():
    assert Split(("é\n", "b")).fingerprint == hashlib.sha256("é\nb".encode()).hexdigest()
    assert Split(("é\n", "b")).size == 4


def test_a_single_file_is_split_80_10_10_in_contiguous_blocks(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("".join(f"line {i}\n" for i in range(20)))
    corpus = read_path(file)
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [16, 2, 2]
    assert "".join(corpus.train.documents + corpus.valid.documents + corpus.test.documents) == file.read_text()
    assert corpus.reading == "lines,split=80/10/10-contiguous"


@pytest.mark.parametrize("lines", range(3, 12))
def test_no_split_of_a_short_file_is_empty(tmp_path, lines):
    file = tmp_path / "text.txt"
    file.write_text("x\n" * lines)
    corpus = read_path(file)
    assert all(split.documents for split in (corpus.train, corpus.valid, corpus.test))


@pytest.mark.parametrize("names", [("train.txt", "valid.txt", "test.txt"), ("x.train.raw", "x.dev.raw", "x.test.raw")])
def test_a_folder_with_three_files(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text(f"{name}\n")
    corpus = read_path(tmp_path)
    found = [split.documents for split in (corpus.train, corpus.valid, corpus.test)]
    assert found == [(f"{name}\n",) for name in names]


def test_a_folder_without_validation_holds_out_the_end_of_training(tmp_path):
    (tmp_path / "train.txt").write_text("".join(f"{i}\n" for i in range(10)))
    (tmp_path / "test.txt").write_text("t\n")
    corpus = read_path(tmp_path)
    assert corpus.valid.documents == ("9\n",)
    assert "valid=last-10%-of-train" in corpus.reading


def test_carriage_returns_are_kept(tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(b"a\r\nb\r\nc\r\n")
    assert read_path(file).test.documents == ("c\r\n",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"ab\xff", "not UTF-8: byte 0xff at offset 2"),
        ("é\0".encode(), "NUL byte at offset 2"),
        (b"one line", "has 1 document .*need at least 3"),
        (b"two\nlines\n", "has 2 documents"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, data, message):
    file = tmp_path / "text.txt"
    file.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        read_path(file)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"test.txt": "t\n"}, "no train file"),
        ({"train.txt": "a\nb\n"}, "no test file"),
        ({"train.txt": "a\n", "test.txt": "t\n"}, "cannot be divided; add valid.txt"),
        ({"train-test.txt": "a\nb\n"}, "train-test.txt is named like two splits"),
        ({"train.txt": "a\nb\n", "test.txt": "a\nb\n", "dev.txt": "c\n"}, "hold the same text"),
        ({"train.txt": "a\n", "my.train.txt": "b\n", "test.txt": "t\n"}, "more than one train file"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_path(tmp_path)


def test_an_unknown_unit():
    with pytest.raises(UnknownNameError, match="unknown unit of documents 'lines'; did you mean 'line'"):
        documents("a", "lines")


def test_decode_keeps_every_character():
    assert decode("\ufeffa\r\nb".encode(), "x") == "\ufeffa\r\nb"
