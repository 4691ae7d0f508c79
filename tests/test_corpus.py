import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.corpora.encoding import decode
from lmbench.corpora.splitting import DOCUMENT_UNITS, cut, documents, strip_lines
from lmbench.corpus import Split
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


def test_an_unknown_unit():
    with pytest.raises(UnknownNameError, match="unknown unit of documents 'lines'; did you mean 'line'"):
        documents("a", "lines")


def test_decode_keeps_every_character():
    assert decode("\ufeffa\r\nb".encode(), "x") == "\ufeffa\r\nb"


def test_decode_reads_other_encodings():
    assert decode("程序".encode("gb18030"), "x", "gb18030") == "程序"


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"ab\xff", "utf-8", "x is not UTF-8: byte 0xff at offset 2; name its --encoding, such as gb18030"),
        (b"\x81\x20", "gb18030", "x is not GB18030: byte 0x81 at offset 0$"),
        (b"abc", "utf-9", "x cannot be read as 'utf-9': give one of Python's text encodings"),
        (b"abc", "zlib", "x cannot be read as 'zlib'"),
        (b"abc", "idna\0", "x cannot be read as"),
    ],
)
def test_what_an_encoding_does_not_have(data, encoding, message):
    with pytest.raises(CorpusError, match=message):
        decode(data, "x", encoding)


@pytest.mark.parametrize("count", range(3, 12))
def test_no_split_is_empty(count):
    splits = cut(tuple(map(str, range(count))), (8, 1, 1))
    assert all(split.documents for split in splits)
    assert [d for split in splits for d in split.documents] == list(map(str, range(count)))
