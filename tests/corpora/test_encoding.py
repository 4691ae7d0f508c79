import pytest

from lmbench.corpora.encoding import check_text, decode
from lmbench.errors import CorpusError


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
def test_undecodable_bytes_and_unknown_encodings_are_refused(data, encoding, message):
    with pytest.raises(CorpusError, match=message):
        decode(data, "x", encoding)


def test_offsets_count_from_the_beginning_of_the_source():
    with pytest.raises(CorpusError, match="byte 0xff at offset 12"):
        decode(b"ab\xff", "x", offset=10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("é\0", "x is not text: it has a NUL byte at offset 12"),
        ("é\ud83d", "x is not text: it has half of a surrogate pair at offset 12"),
    ],
)
def test_characters_that_are_not_text_are_refused(text, message):
    assert check_text("é汉\U0001f600\r\n", "x") == "é汉\U0001f600\r\n"
    with pytest.raises(CorpusError, match=message):
        check_text(text, "x", offset=10)
