"""Reading what may be compressed: gzip, bzip2, xz and zstandard, known by their first bytes."""

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

BROKEN = (EOFError, OSError, lzma.LZMAError, zlib.error, zstd.ZstdError)
"""What reading a compressed file raises where it is cut off or spoiled, or the file cannot be read."""

_MOST_MAGIC = 10  # bytes


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    rb"\x1f\x8b": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    rb"BZh[1-9](1AY&SY|\x17rE8P\x90)": lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    rb"\xfd7zXZ\x00": lambda file: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115  (whoever calls closes it)
    rb"\x28\xb5\x2f\xfd": lambda file: cast(IO[bytes], zstd.ZstdFile(file)),
}


def is_compressed(path: Path) -> bool:
    """Whether the file begins as one of the known compressions does."""
    with path.open("rb") as file:
        return _opener(file.read(_MOST_MAGIC)) is not None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed. Reading raises one of BROKEN where they cannot be."""
    with path.open("rb") as file:
        opener = _opener(file.peek(_MOST_MAGIC))
        yield opener(file) if opener else file


def decompressed(data: bytes, name: str) -> bytes:
    """The bytes that `data` compresses, or `data` where it is not compressed. Raises CorpusError."""
    opener = _opener(data)
    if opener is None:
        return data
    try:
        return opener(io.BytesIO(data)).read()
    except BROKEN as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):  # bz2's errors have no errno
            raise CorpusError(f"cannot read {name}: {error.strerror or error}") from error
        raise CorpusError(f"{name} is cut off or broken: {error}") from error


def _opener(start: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    return next((opener for magic, opener in _OPENERS.items() if re.match(magic, start)), None)
