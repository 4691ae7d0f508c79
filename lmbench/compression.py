"""Files that may be compressed: gzip, bzip2, xz and zstandard, recognized by their first bytes."""

from __future__ import annotations

import bz2
import errno
import io
import lzma
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from lmbench.errors import CorpusError
from lmbench.progress import SILENT, Progress

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from _typeshed import WriteableBuffer

MAX_EXPANSION = "LMBENCH_MAX_EXPANSION"
"""The environment variable that sets how many times its size a compressed file may expand to."""

_EXPANSION = 200  # text compresses to a third or a tenth, and logs to a fiftieth
_ALWAYS_ALLOWED = 64 << 20  # bytes, whatever the expansion
_CHUNK = 1 << 16  # compressed bytes that are read at once
_PIECE = 1 << 18  # bytes that are decompressed at once
_LONGEST_PADDING = 64  # chunks
_LONGEST_MAGIC = 10  # bytes
_LARGEST_DICTIONARY = 1 << 30  # bytes of memory that xz may use; `xz -9` needs 65 MiB


class ExpansionError(Exception):
    """A small file that decompresses to a huge one."""


READ_ERRORS = (EOFError, OSError, lzma.LZMAError, zlib.error, zstd.ZstdError, ExpansionError)
"""The errors of reading a file that is truncated, corrupt or unreadable, or expands too much."""


class _Member(Protocol):
    """A decompressor of one gzip member, xz or bzip2 stream, or zstandard frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _GzipMember:
    """Gives zlib's decompressor the methods of the others."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


@dataclass(frozen=True, slots=True)
class _Compression:
    """A compression: its name, its first bytes, and the decompressor of one member."""

    name: str
    magic: re.Pattern[bytes]
    member: Callable[[], _Member]


_COMPRESSIONS = (
    _Compression("gzip", re.compile(rb"\x1f\x8b"), _GzipMember),
    _Compression("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor),
    _Compression(
        "xz", re.compile(rb"\xfd7zXZ\x00"), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LARGEST_DICTIONARY)
    ),
    # pzstd and seekable files begin with a skippable frame
    _Compression("zstandard", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), zstd.ZstdDecompressor),
)


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading, but never a device or a pipe, which may not have an end.

    Files in /proc claim to be empty and are read as empty; some of them do not end either.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        reason = "it is a device or a pipe, not a regular file; '-' reads standard input"
        raise OSError(errno.EINVAL, reason, str(path))
    return path.open("rb") if status.st_size else Path(os.devnull).open("rb")


def is_compressed(path: Path) -> bool:
    """Return whether the file begins as one of the known compressions does.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    with open_regular(path) as file:
        return _find_compression(file.read(_LONGEST_MAGIC)) is not None


@contextmanager
def open_decompressed(path: Path, progress: Progress = SILENT) -> Iterator[IO[bytes]]:
    """Open a regular file for reading its bytes, decompressed. Reading may raise any of READ_ERRORS.

    Args:
        path: The file.
        progress: Is notified if bytes follow the compressed data. They are ignored.
    """
    compressed = is_compressed(path)
    with open_regular(path) as file:
        yield io.BufferedReader(_Pieces(decompress(file, str(path), progress)), _PIECE) if compressed else file


def decompress(file: IO[bytes], name: str, progress: Progress = SILENT) -> Iterator[bytes]:
    """Yield the bytes of an open file in pieces, decompressed if they are compressed.

    Args:
        file: The file, at its beginning. It need not be seekable.
        name: The file's name, for the notice.
        progress: Is notified if bytes follow the compressed data. They are ignored.

    Raises:
        EOFError, OSError, lzma.LZMAError, zlib.error, zstd.ZstdError: The compressed data is truncated or corrupt.
        ExpansionError: It expands to more than 64 MiB and more than LMBENCH_MAX_EXPANSION (200) times its size.
        CorpusError: LMBENCH_MAX_EXPANSION is not a number.
    """
    chunks = _Chunks(file)
    start = next(chunks, b"")
    compression = _find_compression(start)
    if compression:
        rest = yield from _limit_expansion(_decompress_members(compression, start, chunks), chunks)
        if rest:
            progress.notice(f"{name}: the bytes that follow the {compression.name} data are ignored")
    elif start:
        yield start
        yield from chunks


class _Chunks:
    """The bytes of a file in chunks, counted.

    Attributes:
        size: Number of bytes read so far.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        if not chunk:
            raise StopIteration
        self.size += len(chunk)
        return chunk


class _Pieces(io.RawIOBase):
    """A file that holds the bytes of these pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._rest = self._rest or memoryview(next(self._pieces, b""))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._rest))
        target[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _find_compression(start: bytes) -> _Compression | None:
    return next((compression for compression in _COMPRESSIONS if compression.magic.match(start)), None)


def _limit_expansion(pieces: Generator[bytes, None, bytes], chunks: _Chunks) -> Generator[bytes, None, bytes]:
    """Yield the pieces, and return what their generator returns, unless they exceed the limit."""
    size, limit = 0, _read_limit()
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return bytes(end.value)
        size += len(piece)
        if size > max(_ALWAYS_ALLOWED, limit * chunks.size):
            raise ExpansionError(
                f"it expands to more than {limit} times its size; if you trust it, set {MAX_EXPANSION} to more"
            )
        yield piece


def _read_limit() -> int:
    setting = os.environ.get(MAX_EXPANSION) or str(_EXPANSION)
    if not re.fullmatch("[0-9]{1,18}", setting):
        raise CorpusError(f"{MAX_EXPANSION} is '{setting}'; set it to a whole number, such as {_EXPANSION}")
    return int(setting)


def _decompress_members(compression: _Compression, data: bytes, chunks: _Chunks) -> Generator[bytes, None, bytes]:
    """Yield the contents of all members, and return the beginning of what follows them."""
    while compression.magic.match(data):
        data = yield from _decompress_member(compression.member(), data, chunks)
        padding = islice(chunks, _LONGEST_PADDING)
        while len(data := data.lstrip(b"\0")) < _LONGEST_MAGIC and (more := next(padding, b"")):
            data += more
    return data


def _decompress_member(member: _Member, data: bytes, chunks: _Chunks) -> Generator[bytes, None, bytes]:
    """Yield the content of one member, and return the bytes that follow it."""
    while not member.eof:
        if not data and member.needs_input:
            data = next(chunks, b"")
            if not data:
                raise EOFError("the file ends before the compressed data does")
        if piece := member.decompress(data, _PIECE):
            yield piece
        data = b""
    return member.unused_data
