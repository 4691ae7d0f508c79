"""Bytes to text, and what is not text."""

from __future__ import annotations

import re

from lmbench.errors import CorpusError

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def decode(data: bytes, name: str, encoding: str = "utf-8", offset: int = 0) -> str:
    """`data` as text, line ends untouched.

    Args: encoding, a name that Python knows; offset, of `data` in what `name` names. Raises CorpusError for bytes that
    the encoding does not have, for NUL characters, and for an unknown encoding.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        at = f"byte 0x{data[error.start]:02x} at offset {offset + error.start}"
        hint = "; name its --encoding, such as gb18030 or latin-1" if encoding == "utf-8" else ""
        raise CorpusError(f"{name} is not {encoding.upper()}: {at}{hint}") from None
    except (LookupError, ValueError):  # no codec, or one that is none of text
        raise CorpusError(
            f"{name} cannot be read as '{encoding}': give one of Python's text encodings, such as utf-8 or gb18030"
        ) from None
    return refuse_no_text(text, name, offset)


def refuse_no_text(text: str, name: str, offset: int = 0) -> str:
    """`text`, where it is text: no NUL, and no half of a surrogate pair, which UTF-8 cannot write. Raises CorpusError.

    Args: offset, of the text's first UTF-8 byte in what `name` names.
    """
    wrong = _NO_TEXT.search(text)
    if wrong:
        at = offset + len(text[: wrong.start()].encode())
        what = "a NUL byte" if wrong[0] == "\0" else "half of a surrogate pair"
        raise CorpusError(f"{name} is not text: it has {what} at offset {at}")
    return text
