"""Logs of bounded size."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Self

from lmbench.errors import one_line

_KEPT = 1 << 19  # bytes of the beginning, and as many of the end
_LONGEST_LINE = 4096  # bytes


class CappedLog:
    """A log that keeps the beginning and the end of what a process prints, 1 MiB in all.

    The beginning is in the file as soon as it is printed, and the end once the context ends. A full disk shortens the
    file without an error: what cannot wait for space is the result of the work.

    Args:
        path: A new or empty file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._end = bytearray()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write_end()
        with suppress(OSError):
            self._file.close()

    def write(self, data: bytes) -> None:
        """Write what was printed next."""
        if self._count < _KEPT:
            self._write_to_file(data[: _KEPT - self._count])
        self._count += len(data)
        self._end += data
        if len(self._end) > 2 * _KEPT:
            del self._end[:-_KEPT]

    @property
    def last_line(self) -> str:
        """The last line that is not empty, made printable and short; "" if there is none."""
        lines = self._end[-_LONGEST_LINE:].decode(errors="replace").splitlines()
        return one_line(next((line for line in reversed(lines) if line.strip()), ""))

    def _write_end(self) -> None:
        missing = self._count - _KEPT
        if missing <= 0:
            return
        if missing > _KEPT:
            self._write_to_file(f"\n… {missing - _KEPT:,} bytes are left out …\n".encode())
        self._write_to_file(bytes(self._end[-min(missing, _KEPT) :]))

    def _write_to_file(self, data: bytes) -> None:
        with suppress(OSError):
            self._file.write(data)
