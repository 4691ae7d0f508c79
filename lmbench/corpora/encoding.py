"""Decoding of bytes, and the check that they are text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from lmbench.errors import CorpusError

_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_BYTE_ORDER_MARKS = {  # that of UTF-32 first, because that of UTF-16 begins it
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHER_FILES = {
    b"PK\x03\x04": "a zip archive, or an office document; unpack it, or save it as text",
    b"%PDF-": "a PDF document; extract its text",
    b"PAR1": "a Parquet file; put it into a folder, and name that as hf:FOLDER",
    b"\x04\x22\x4d\x18": "compressed with lz4; decompress it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it",
}
_LIKE_UTF_16 = re.compile(rb"(?:[^\0]\0){2}|(?:\0[^\0]){2}")


def decode(data: bytes, name: str, encoding: str = "utf-8", offset: int = 0) -> str:
    """Return `data` as text, line ends unchanged.

    Args:
        data: The bytes.
        name: The file or other source that they come from, for errors.
        encoding: A name that Python knows.
        offset: The offset of `data` in that source, in bytes.

    Raises:
        CorpusError: The encoding is unknown or does not allow these bytes, or they hold NUL characters.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(error, name, encoding, offset) from None
    except (LookupError, ValueError):  # an unknown codec, or one that does not decode to text
        raise CorpusError(
            f"{name} cannot be read as '{encoding}': give one of Python's text encodings, such as utf-8 or gb18030"
        ) from None
    return check_text(text, name, offset)


def decode_pieces(pieces: Iterable[bytes], name: str, offset: int = 0) -> Iterator[str]:
    """Yield consecutive pieces of UTF-8 text, decoded. A piece may end inside a character.

    An endless file that is not text, such as /dev/zero, is thus refused after its first piece.

    Args:
        pieces: The bytes.
        name: The file or other source that they come from, for errors.
        offset: The offset of the first byte in that source.

    Raises:
        CorpusError: The bytes are not UTF-8, or hold NUL characters.
    """
    rest = b""
    for piece in pieces:
        data = rest + piece
        try:
            text, end = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError as error:
            raise _undecodable(error, name, "utf-8", offset) from None
        yield check_text(text, name, offset)
        offset += end
        rest = data[end:]
    if rest:
        yield decode(rest, name, offset=offset)


def _undecodable(error: UnicodeDecodeError, name: str, encoding: str, offset: int) -> CorpusError:
    """Return the error for bytes that the encoding does not allow; `offset` is that of the bytes in their source."""
    position = f"byte 0x{error.object[error.start]:02x} at offset {offset + error.start}"
    hint = f"; {_advise(error.object if offset == 0 else b'')}" if encoding == "utf-8" else ""
    return CorpusError(f"{name} is not {encoding.upper()}: {position}{hint}")


def _advise(start: bytes) -> str:
    """Return what a file that begins with these bytes may be instead of UTF-8 text."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return f"it begins with the byte-order mark of {encoding.upper()}, so use --encoding {encoding}"
    for magic, kind in _OTHER_FILES.items():
        if start.startswith(magic):
            return f"it seems to be {kind}"
    return "name its --encoding, such as gb18030 or latin-1"


def check_text(text: str, name: str, offset: int = 0) -> str:
    """Return `text` if it holds neither NUL characters nor halves of surrogate pairs, which UTF-8 cannot encode.

    Args:
        text: The text.
        name: The file or other source that it comes from, for errors.
        offset: The offset of the text's first UTF-8 byte in that source.

    Raises:
        CorpusError: It holds one of these.
    """
    wrong = _NOT_TEXT.search(text)
    if wrong:
        position = offset + len(text[: wrong.start()].encode())
        character = "a NUL byte" if wrong[0] == "\0" else "half of a surrogate pair"
        hint = _advise_nul(text[:4].encode(errors="replace")) if offset == 0 else ""
        raise CorpusError(f"{name} is not text: it has {character} at offset {position}{hint}")
    return text


def _advise_nul(start: bytes) -> str:
    return "; if it is UTF-16, name its --encoding, utf-16-le or utf-16-be" if _LIKE_UTF_16.match(start) else ""
