"""Where large arrays are built: in memory, or in files of a temporary folder that the arrays are mapped to."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lmbench.errors import SpecError

_CHUNK = 1 << 19
_BYTES_A_ROW = 128
"""What sorting or estimating takes for each row that is worked on at once: about a dozen arrays of 8 bytes."""
_SMALLEST = 1 << 12
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Bytes: a number with K, M or G after it, or without. Raises SpecError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found or not (size := int(float(found[1]) * _UNITS.get(found[2].upper(), 1))):
        raise SpecError(f"'{text}' is no size; write for example 512M or 1G")
    return size


class Workspace:
    """Makes arrays, and says how many rows may be worked on at once.

    Args: memory, bytes. Without it the arrays lie in memory. With it they lie in files, sorted run after sorted run,
    and what is worked on at once is bounded by `memory`. The files lie where TMPDIR says, and are gone when this
    object is (on POSIX as soon as they are mapped); arrays that are mapped to them go on.
    """

    def __init__(self, memory: int | None = None) -> None:
        self.rows = _CHUNK if memory is None else min(_CHUNK, max(_SMALLEST, memory // _BYTES_A_ROW))
        self._folder = None if memory is None else Path(tempfile.mkdtemp(prefix="lmbench-"))
        if self._folder is not None:
            weakref.finalize(self, shutil.rmtree, self._folder)
        self._files = 0

    def full(self, size: int, value: float, dtype: DTypeLike) -> NDArray[Any]:
        """An array of `size` equal values."""
        if self._folder is None:
            return np.full(size, value, dtype=dtype)
        column = self.column(dtype, size)
        for start in range(0, size, self.rows):
            column.append(np.full(min(self.rows, size - start), value, dtype=dtype))
        return column.finish()

    def column(self, dtype: DTypeLike, most: int) -> Column:
        """An array that grows to `most` values, or fewer."""
        if self._folder is None:
            return Column(dtype, most)
        self._files += 1
        return FileColumn(dtype, self._folder / str(self._files))


class Column:
    """An array that grows run by run, in memory: room that no value has been written to takes none."""

    def __init__(self, dtype: DTypeLike, most: int) -> None:
        self._values = np.empty(most, dtype=dtype)
        self._length = 0

    def append(self, run: NDArray[Any]) -> None:
        """Add these values at the end."""
        end = self._length + len(run)
        self._values[self._length : end] = run
        self._length = end

    def finish(self) -> NDArray[Any]:
        """The whole array; nothing can be added then."""
        self._values.resize(self._length, refcheck=False)  # in place, since nobody else has it
        return self._values


class FileColumn(Column):
    """An array that grows run by run, in a file."""

    def __init__(self, dtype: DTypeLike, path: Path) -> None:
        self._dtype = np.dtype(dtype)
        self._path = path
        self._path.touch()

    def append(self, run: NDArray[Any]) -> None:
        with self._path.open("ab") as file:
            run.astype(self._dtype, copy=False).tofile(file)

    def finish(self) -> NDArray[Any]:
        if not self._path.stat().st_size:
            return np.zeros(0, self._dtype)
        array = np.memmap(self._path, self._dtype, mode="r+")
        if os.name == "posix":  # where a file that has no name stays as long as it is mapped, however the process ends
            self._path.unlink()
        return array
