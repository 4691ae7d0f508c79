"""Large arrays that grow run by run, in memory or in temporary files."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lmbench.errors import SpecError

_MAX_ROWS = 1 << 19
_MIN_ROWS = 1 << 12
_BYTES_PER_ROW = 128
"""Memory for each row that is being sorted or estimated: about a dozen arrays of 8 bytes."""
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Return the number of bytes that a size such as ``512M`` denotes.

    Raises:
        SpecError: The text is not a size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found or not (size := int(float(found[1]) * _UNITS.get(found[2].upper(), 1))):
        raise SpecError(f"'{text}' is not a size; write for example 512M or 1G")
    return size


class Workspace:
    """Makes arrays, and limits how many rows are processed at once.

    Without a memory limit, arrays are in memory. With one, they are in files below TMPDIR that are mapped into memory.
    The files are removed with the workspace, on POSIX as soon as they are mapped; the arrays remain valid.

    Args:
        memory: Approximate limit, in bytes, for the rows that are processed at once; None for no limit.

    Attributes:
        rows: Maximum number of rows to work on at once.
    """

    def __init__(self, memory: int | None = None) -> None:
        self.rows = _MAX_ROWS if memory is None else min(_MAX_ROWS, max(_MIN_ROWS, memory // _BYTES_PER_ROW))
        self._folder = None if memory is None else Path(tempfile.mkdtemp(prefix="lmbench-"))
        if self._folder is not None:
            weakref.finalize(self, shutil.rmtree, self._folder)
        self._files = 0

    def full(self, size: int, value: float, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of `size` equal values."""
        if self._folder is None:
            return np.full(size, value, dtype=dtype)
        column = self.growing(dtype, size)
        for start in range(0, size, self.rows):
            column.append(np.full(min(self.rows, size - start), value, dtype=dtype))
        return column.finish()

    def keep(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an array with these values: the same one in memory, or one in a file."""
        if self._folder is None:
            return values
        column = self.growing(values.dtype, len(values))
        column.append(values)
        return column.finish()

    def growing(self, dtype: DTypeLike, capacity: int) -> GrowingArray:
        """Return an empty array to which up to `capacity` values can be appended."""
        if self._folder is None:
            return MemoryArray(dtype, capacity)
        self._files += 1
        return FileArray(dtype, self._folder / str(self._files))


class GrowingArray(ABC):
    """An array that grows run by run."""

    @abstractmethod
    def append(self, run: NDArray[Any]) -> None:
        """Append values at the end."""

    @abstractmethod
    def finish(self) -> NDArray[Any]:
        """Return the whole array, to which nothing can be appended any more."""


class MemoryArray(GrowingArray):
    """A growing array in memory. The part of its capacity that is never written to takes no memory."""

    def __init__(self, dtype: DTypeLike, capacity: int) -> None:
        self._values = np.empty(capacity, dtype=dtype)
        self._length = 0

    def append(self, run: NDArray[Any]) -> None:
        end = self._length + len(run)
        self._values[self._length : end] = run
        self._length = end

    def finish(self) -> NDArray[Any]:
        self._values.resize(self._length, refcheck=False)  # in place, since nothing else refers to it
        return self._values


class FileArray(GrowingArray):
    """A growing array in a file."""

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
        if os.name == "posix":  # a file without a name exists while it is mapped, however the process ends
            self._path.unlink()
        return array
