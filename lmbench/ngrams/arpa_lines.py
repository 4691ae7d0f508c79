"""The text of an ARPA file, line by line or block by block, and errors that name the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO

from lmbench.errors import UnavailableError
from lmbench.printable import printable

WHITE_SPACE = b" \t\r\n"
_FIRST_LINE_IS_HEADING = re.compile(rb"[ \t\r]*\\")
_HEADING = re.compile(rb"\n[ \t\r]*\\")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK = 1 << 23  # bytes to read at a time
_SHOWN = 40  # characters of the file in an error


class ArpaLines:
    """A file's text, read line by line or block by block.

    Attributes:
        path: The file.
        number: The number of the last line that was read, for errors.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self.path = file, path
        self._block, self._position = b"", 0
        self.number = 0

    def next(self) -> bytes:
        """Return the next line that is not blank, without the white space around it; empty at the end of the file."""
        while line := self._next_line():
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if stripped := line.strip(WHITE_SPACE):
                return stripped
        return b""

    def entries(self) -> bytes:
        """Return many whole lines up to the next line that begins with a backslash; empty if that line is next."""
        block, rest = _cut_at_heading(self._next_block())
        self._block, self._position = rest, 0
        last_is_open = bool(block) and not rest and not block.endswith(b"\n")
        self.number += block.count(b"\n") + last_is_open
        return block

    def error(self, reason: str, number: int | None = None) -> UnavailableError:
        """Return an error in line `number`; by default, in the last line that was read."""
        return UnavailableError(f"'{self.path}', line {self.number if number is None else number}: {reason}")

    def no_data(self) -> UnavailableError:
        """Return an error for a file that ends before its data."""
        if not self.number:
            return UnavailableError(f"'{self.path}' is empty")
        return self.error("the file ends without a line '\\data\\', so it is not an ARPA file")

    def expect(self, expected: bytes, heading: bytes) -> None:
        """Check that the last line that was read, `heading`, is the expected one.

        Raises:
            UnavailableError: It is not.
        """
        if heading != expected:
            raise self.error(f"expected '{expected.decode()}', found {quote(heading)}")

    def _next_line(self) -> bytes:
        if self._position == len(self._block):
            self._block, self._position = self._next_block(), 0
        end = self._block.find(b"\n", self._position) + 1 or len(self._block)
        line, self._position = self._block[self._position : end], end
        return line

    def _next_block(self) -> bytes:
        block, self._block, self._position = self._block[self._position :], b"", 0
        return block or self._file.read(_BLOCK) + self._file.readline()


def _cut_at_heading(block: bytes) -> tuple[bytes, bytes]:
    """Cut whole lines in two before the first backslash that begins a line."""
    found = _FIRST_LINE_IS_HEADING.match(block) or _HEADING.search(block)
    end = found.end() - 1 if found else len(block)
    return block[:end], block[end:]


def quote(text: bytes) -> str:
    """Return text of the file as an error shows it: quoted, printable and short."""
    decoded = text.decode(errors="replace")
    return f"'{printable(decoded if len(decoded) <= _SHOWN else f'{decoded[:_SHOWN]}…')}'"
