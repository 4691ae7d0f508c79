"""Documents that stay in their file, so that a corpus may be larger than memory."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np

from lmbench.arrays import Ints
from lmbench.corpora.encoding import decode, decode_pieces
from lmbench.corpora.memory import check_fits
from lmbench.corpora.splitting import flag_document_starts
from lmbench.errors import CorpusError

IN_MEMORY = 64 << 20
"""Size in bytes up to which a text is held in memory; a larger one stays on disk."""

_READ_AT_ONCE = 1 << 20  # bytes
_STEP = "stored documents are consecutive; slice them without a step"


@dataclass(frozen=True)
class StoredDocuments(Sequence[str]):
    """Consecutive documents of a UTF-8 text file. Slicing returns another StoredDocuments and reads nothing.

    Attributes:
        path: The text file.
        starts: (documents + 1,) int64, the byte offset of each document's start, and of the last one's end.
        state: Size in bytes and modification time in nanoseconds of the file when it was indexed. Reading raises
            CorpusError if they have changed.
    """

    path: Path
    starts: Ints = field(repr=False)
    state: tuple[int, int]

    @classmethod
    def of_file(cls, path: Path, unit: str) -> StoredDocuments:
        """Index the documents of a text file.

        This takes 8 bytes of memory for each document, and 25 bytes for each line while it runs.

        Args:
            path: The file.
            unit: What one document is, as in `splitting.cut_into_documents`.

        Raises:
            CorpusError: The file cannot be read, is not UTF-8 text, or has a document that does not fit in memory.
            UnknownNameError: The unit is unknown.
        """
        lengths = array("q")
        with _open(path) as file:
            state = _read_state(file)
            mark = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
            flags = np.fromiter(flag_document_starts(_read_lines(file, path, mark, lengths), unit), dtype=np.bool_)
        ends = mark + np.cumsum(np.frombuffer(lengths, dtype=np.int64))
        starts = (ends - np.frombuffer(lengths, dtype=np.int64))[flags]
        # Lines before the first start belong to the first document.
        bounds = np.concatenate([[mark], starts[1:], ends[-1:]])
        check_fits(int(np.diff(bounds).max(initial=0)), f"the longest document of {path}")
        return cls(path, bounds, state)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[str]:
        first = 0
        with self._open_unchanged() as file:
            while first < len(self):
                last = np.searchsorted(self.starts, self.starts[first] + _READ_AT_ONCE, side="right") - 1
                last = max(int(last), first + 1)
                yield from self._read(file, first, last)
                first = last

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> StoredDocuments: ...
    def __getitem__(self, index: int | slice) -> str | StoredDocuments:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError(_STEP)
            return StoredDocuments(self.path, self.starts[start : max(start, stop) + 1], self.state)
        position = range(len(self))[index]
        with self._open_unchanged() as file:
            [document] = self._read(file, position, position + 1)
        return document

    def _read(self, file: BinaryIO, first: int, last: int) -> list[str]:
        base = int(self.starts[first])
        file.seek(base)
        data = file.read(int(self.starts[last]) - base)
        offsets = (self.starts[first : last + 1] - base).tolist()
        return [data[start:end].decode() for start, end in pairwise(offsets)]

    def _open_unchanged(self) -> BinaryIO:
        file = _open(self.path)
        if _read_state(file) != self.state:
            file.close()
            raise CorpusError(f"{self.path} has changed since it was first read; start again")
        return file


@dataclass(frozen=True)
class JoinedDocuments(Sequence[str]):
    """The documents of several sequences, in order. Slicing reads nothing of those that stay in their files.

    Attributes:
        parts: The sequences.
    """

    parts: tuple[Sequence[str], ...]

    @cached_property
    def _firsts(self) -> list[int]:
        """The number of the first document of each part, and that of all documents."""
        return list(accumulate(map(len, self.parts), initial=0))

    def __len__(self) -> int:
        return self._firsts[-1]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.parts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> JoinedDocuments: ...
    def __getitem__(self, index: int | slice) -> str | JoinedDocuments:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError(_STEP)
            numbers = range(self._find_part(start), bisect_left(self._firsts, stop))
            firsts = self._firsts
            return JoinedDocuments(
                tuple(self.parts[number][max(0, start - firsts[number]) : stop - firsts[number]] for number in numbers)
            )
        position = range(len(self))[index]
        number = self._find_part(position)
        return self.parts[number][position - self._firsts[number]]

    def _find_part(self, position: int) -> int:
        """Return the number of the part that has the document at a position; that of all parts after the last one."""
        return bisect_right(self._firsts, position) - 1


def join_documents(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return all documents in order; those that stay in their files are not read."""
    if len(parts) == 1:
        return parts[0]
    if any(isinstance(part, StoredDocuments | JoinedDocuments) for part in parts):
        return JoinedDocuments(tuple(parts))
    return tuple(chain.from_iterable(parts))


def measure_sizes(documents: Sequence[str]) -> Ints:
    """Return the bytes of each document, (documents,); those that stay in their files are not read."""
    if isinstance(documents, StoredDocuments):
        return np.diff(documents.starts)
    if isinstance(documents, JoinedDocuments):
        return np.concatenate([np.empty(0, np.int64), *map(measure_sizes, documents.parts)])
    return np.array([len(document.encode()) for document in documents], dtype=np.int64)


def is_large(size: int) -> bool:
    """Return whether a text of this many bytes stays on disk."""
    return size > IN_MEMORY


def _read_lines(file: BinaryIO, path: Path, offset: int, lengths: array[int]) -> Iterator[str]:
    """Yield the lines from `offset` on, appending their numbers of bytes to `lengths`."""
    file.seek(offset)
    while piece := file.readline(_READ_AT_ONCE):
        if piece.endswith(b"\n"):
            lengths.append(len(piece))
            yield decode(piece, str(path), offset=offset)
        else:
            lengths.append(0)
            pieces = _count(_rest_of_line(file, piece), lengths, path)
            yield "".join(decode_pieces(pieces, str(path), offset))
        offset += lengths[-1]


def _rest_of_line(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    """Yield the first piece of a long line, and all others."""
    while piece:
        yield piece
        piece = b"" if piece.endswith(b"\n") else file.readline(_READ_AT_ONCE)


def _count(pieces: Iterator[bytes], lengths: array[int], path: Path) -> Iterator[bytes]:
    """Yield the pieces of a line, adding their sizes to the last one of `lengths`, unless it is too long."""
    for piece in pieces:
        lengths[-1] += len(piece)
        check_fits(lengths[-1], f"the longest line of {path}")
        yield piece


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def _read_state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
