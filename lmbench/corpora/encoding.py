"""Decoding of bytes, and the check that they are text."""

from __future__ import annotations

import re

from lmbench.errors import CorpusError

_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


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
        position = f"byte 0x{data[error.start]:02x} at offset {offset + error.start}"
        hint = "; name its --encoding, such as gb18030 or latin-1" if encoding == "utf-8" else ""
        raise CorpusError(f"{name} is not {encoding.upper()}: {position}{hint}") from None
    except (LookupError, ValueError):  # an unknown codec, or one that does not decode to text
        raise CorpusError(
            f"{name} cannot be read as '{encoding}': give one of Python's text encodings, such as utf-8 or gb18030"
        ) from None
    return check_text(text, name, offset)


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
        raise CorpusError(f"{name} is not text: it has {character} at offset {position}")
    return text
