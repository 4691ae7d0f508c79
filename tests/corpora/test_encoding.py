import pytest

from lmbench.corpora.encoding import check_text, decode, decode_pieces
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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_the_encoding_of_a_byte_order_mark_is_named(encoding):
    advice = f"it begins with the byte-order mark of {encoding.upper()}, so use --encoding {encoding}$"
    with pytest.raises(CorpusError, match=f"x is not UTF-8: byte 0x.. at offset 0; {advice}"):
        decode("né\n".encode(encoding), "x")
    if encoding == "utf-16":  # the other order; UTF-32's begins with NUL bytes, which are UTF-8
        with pytest.raises(CorpusError, match=advice):
            decode("\ufeffné\n".encode("utf-16-be"), "x")
    else:
        with pytest.raises(CorpusError, match=advice):
            decode("\ufeffné\n".encode("utf-32-be"), "x")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_suspected(encoding):
    with pytest.raises(
        CorpusError, match=r"NUL byte at offset [01]; if it is UTF-16, name its --encoding, utf-16-le or"
    ):
        decode("abc\n".encode(encoding), "x")
    with pytest.raises(CorpusError, match=r"NUL byte at offset 1$"):
        decode(b"a\0bc", "x")


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"PK\x03\x04\x14", "a zip archive"), (b"%PDF-1.7\n%", "a PDF document"), (b"PAR1\x15", "a Parquet file")],
)
def test_files_that_hold_no_text_are_named(start, kind):
    with pytest.raises(CorpusError, match=f"x is not UTF-8: byte 0xff at offset {len(start)}; it seems to be {kind}"):
        decode(start + b"\xff", "x")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_text_in_pieces_is_the_whole_text(size):
    data = "aé汉\U0001f600\n".encode() * 3
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert "".join(decode_pieces(pieces, "x")) == data.decode()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("data", ["ab汉".encode()[:-1], b"ab\xff", "é汉\0".encode(), b"a\xe6b", b"\xed\xa0\xbd"])
def test_errors_in_pieces_are_those_of_the_whole_text(size, data):
    with pytest.raises(CorpusError) as expected:
        decode(data, "x", offset=7)
    with pytest.raises(CorpusError) as found:
        list(decode_pieces((data[i : i + size] for i in range(0, len(data), size)), "x", offset=7))
    assert str(found.value) == str(expected.value)


def test_endless_bytes_that_are_not_text_are_refused_at_once():
    def zeros():
        yield bytes(10)
        raise AssertionError("a second piece was read")

    with pytest.raises(CorpusError, match="NUL byte at offset 0"):
        list(decode_pieces(zeros(), "x"))
