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
    """The file's bytes, decompressed. Raises CorpusError where it cannot be read or its compression is broken."""
    with path.open("rb") as file, _broken(str(path)):
        opener = _opener(file.peek(_MOST_MAGIC))
        yield opener(file) if opener else file


def decompressed(data: bytes, name: str) -> bytes:
    """The bytes that `data` compresses, or `data` where it is not compressed. Raises CorpusError."""
    opener = _opener(data)
    if opener is None:
        return data
    with _broken(name):
        return opener(io.BytesIO(data)).read()


def _opener(start: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    return next((opener for magic, opener in _OPENERS.items() if re.match(magic, start)), None)


@contextmanager
def _broken(name: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstd.ZstdError) as error:
        raise CorpusError(f"{name} is cut off or broken: {error}") from error
    except OSError as error:  # bz2's errors have no errno
        raise CorpusError(f"cannot read {name}: {error.strerror or error}") from error
