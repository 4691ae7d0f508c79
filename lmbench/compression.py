"""Files that may be compressed: gzip, bzip2, xz and zstandard, recognized by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from lmbench.errors import CorpusError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_ERRORS = (EOFError, OSError, lzma.LZMAError, zlib.error, zstd.ZstdError)
"""The errors of reading a file that is truncated, corrupt or unreadable."""

_LONGEST_MAGIC = 10  # bytes

_DECOMPRESSORS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    rb"\x1f\x8b": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    rb"BZh[1-9](1AY&SY|\x17rE8P\x90)": lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    rb"\xfd7zXZ\x00": lambda file: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115  (the caller closes it)
    rb"\x28\xb5\x2f\xfd": lambda file: cast(IO[bytes], zstd.ZstdFile(file)),
}
"""Decompressors by a pattern of the first bytes."""


def is_compressed(path: Path) -> bool:
    """Return whether the file begins as one of the known compressions does."""
    with path.open("rb") as file:
        return _find_decompressor(file.read(_LONGEST_MAGIC)) is not None


@contextmanager
def open_decompressed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading its bytes, decompressed. Reading may raise any of READ_ERRORS."""
    with path.open("rb") as file:
        decompressor = _find_decompressor(file.peek(_LONGEST_MAGIC))
        yield decompressor(file) if decompressor else file


def decompress(data: bytes, name: str) -> bytes:
    """Return the bytes that `data` compresses, or `data` itself if it is not compressed.

    Args:
        data: The bytes of a whole file.
        name: The file's name, for errors.

    Raises:
        CorpusError: The compressed data is truncated or corrupt.
    """
    decompressor = _find_decompressor(data)
    if decompressor is None:
        return data
    try:
        return decompressor(io.BytesIO(data)).read()
    except READ_ERRORS as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):  # errors of bz2 lack an errno
            raise CorpusError(f"cannot read {name}: {error.strerror or error}") from error
        raise CorpusError(f"{name} is truncated or corrupt: {error}") from error


def _find_decompressor(start: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    return next((decompressor for magic, decompressor in _DECOMPRESSORS.items() if re.match(magic, start)), None)
