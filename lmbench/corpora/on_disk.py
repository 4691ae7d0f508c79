"""Documents that stay in their file: a corpus larger than memory, read piece by piece."""

from __future__ import annotations

import os
from array import array
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np
from numpy.typing import NDArray

from lmbench.corpora.encoding import decode
from lmbench.corpora.splitting import begins
from lmbench.errors import CorpusError

IN_MEMORY = 64 << 20
"""Bytes of a text up to which it is held in memory; a larger one stays on disk."""

_PIECE = 1 << 20  # bytes that are read together


@dataclass(frozen=True)
class StoredDocuments(Sequence[str]):
    """Consecutive documents of a UTF-8 text file. A slice of them is one too, and reads nothing.

    starts  (documents + 1,) the byte offset at which each begins, and at which the last one ends
    state   size in bytes and time in ns of the file when it was indexed; once they differ, reading raises CorpusError
    """

    path: Path
    starts: NDArray[np.int64] = field(repr=False)
    state: tuple[int, int]

    @classmethod
    def of_file(cls, path: Path, unit: str) -> StoredDocuments:
        """The documents of the text file at `path`, cut as corpus.documents does. Raises CorpusError as decode does.

        Memory: 8 bytes a document, and meanwhile 25 bytes a line.
        """
        lengths = array("q")
        with _opened(path) as file:
            state = _state(file)
            mark = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
            flags = np.fromiter(begins(_lines(file, path, mark, lengths), unit), dtype=np.bool_)
        ends = mark + np.cumsum(np.frombuffer(lengths, dtype=np.int64))
        starts = (ends - np.frombuffer(lengths, dtype=np.int64))[flags]
        # What stands before the first document belongs to it.
        return cls(path, np.concatenate([[mark], starts[1:], ends[-1:]]), state)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[str]:
        first = 0
        with self._checked() as file:
            while first < len(self):
                last = np.searchsorted(self.starts, self.starts[first] + _PIECE, side="right") - 1
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
                raise ValueError("stored documents are consecutive: a slice has no step")
            return StoredDocuments(self.path, self.starts[start : max(start, stop) + 1], self.state)
        position = range(len(self))[index]
        with self._checked() as file:
            [document] = self._read(file, position, position + 1)
        return document

    def _read(self, file: BinaryIO, first: int, last: int) -> list[str]:
        base = int(self.starts[first])
        file.seek(base)
        data = file.read(int(self.starts[last]) - base)
        offsets = (self.starts[first : last + 1] - base).tolist()
        return [data[start:end].decode() for start, end in pairwise(offsets)]

    def _checked(self) -> BinaryIO:
        file = _opened(self.path)
        if _state(file) != self.state:
            file.close()
            raise CorpusError(f"{self.path} has changed since it was read first; start again")
        return file


def _lines(file: BinaryIO, path: Path, offset: int, lengths: array[int]) -> Iterator[str]:
    file.seek(offset)
    for line in file:
        lengths.append(len(line))
        yield decode(line, str(path), offset=offset)
        offset += len(line)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def _state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
