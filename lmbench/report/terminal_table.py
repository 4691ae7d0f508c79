"""Tables for a terminal of any width: no letter and no column is lost.

Long names are broken at spaces, else after ``,``, ``:``, ``=`` and ``-``. If the columns do not fit beside each other,
the table is continued below, with its names repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from lmbench.printable import printable
from lmbench.report.contents import Column, Contents
from lmbench.report.markup import literal

_WORD = re.compile(r"\S*\s*")
_PIECE = re.compile(r"[^,:=-]*(?:[,:=-]+\s*|$)")  # of a word: up to a place to break
_RANK = 4  # cells of a terminal that ranks take at most
_SHORT = 14  # cells of a terminal that a column of names gets at least, if its names are longer


@dataclass(frozen=True, slots=True)
class TerminalTable:
    """A table for rich to print."""

    contents: Contents

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        contents, width = self.contents, options.max_width
        yield literal(contents.title, "table.title")
        for block in _fit(contents, width):
            yield ""
            yield _draw(block, width)
        yield ""
        yield from (literal(line, "table.caption") for line in (*contents.legend, *contents.notes))
        yield ""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A column and its texts.

    Attributes:
        align: The side at which its texts begin.
        texts: Its heading and its texts, from top to bottom.
        natural: The width at which no text is broken.
        least: The smallest width: for names, the one at which they are broken where they should be.
    """

    align: Literal["left", "right"]
    texts: tuple[str, ...]
    natural: int
    least: int

    @classmethod
    def of(cls, column: Column, texts: Sequence[str], most: int) -> _Measured:
        """Measure a column. Its smallest width is at most `most`."""
        heading = printable(column.heading)
        natural = least = max(map(cell_len, (heading, *texts)))
        if column.align == "left":
            pieces = [piece for text in texts for word in _WORD.findall(text) for piece in _PIECE.findall(word)]
            least = min(natural, max(_SHORT, cell_len(heading), *map(_length, pieces)))
        return cls(column.align, (heading, *texts), natural, min(least, most))


def break_name(text: str, width: int) -> str:
    """Return `text` in lines of at most `width` cells, without a change of its letters."""
    lines = [""]
    for word in _WORD.findall(text):
        for piece in [word] if _length(word) <= width else _PIECE.findall(word):
            if _length(lines[-1] + piece) > width:
                lines.append("")
            *full, last = chop_cells(lines[-1] + piece, width) if _length(piece) > width else [lines[-1] + piece]
            lines[-1:] = [*full, last]
    return "\n".join(line.rstrip() for line in lines if line)


def _fit(contents: Contents, width: int) -> list[Sequence[_Measured]]:
    """Return the columns in blocks that fit, without the optional ones if they would need more blocks."""
    most = max((width - _RANK - 2) // 2, 1)
    columns = [
        (column, _Measured.of(column, [printable(row[number]) for row in contents.rows], most))
        for number, column in enumerate(contents.columns)
    ]
    blocks = list(_divide([measured for _, measured in columns], width))
    fewer = list(_divide([measured for column, measured in columns if not column.is_optional], width))
    return fewer if len(fewer) < len(blocks) else blocks


def _divide(columns: Sequence[_Measured], width: int) -> Iterator[Sequence[_Measured]]:
    """Yield the columns in blocks that fit. Each begins with the names, and with the ranks if there are any.

    Names are in the first column, and in those after it that begin at the same side, if they leave half of the width.
    """
    first = 2 if columns[0].align == "right" and columns[0].natural <= _RANK else 1
    ends = [place for place, column in enumerate(columns) if column.align == "right" and place >= first]
    leading = columns[: ends[0] if ends and 2 * _least(columns[: ends[0]]) <= width else first]
    block = leading
    for column in columns[len(leading) :]:
        if len(block) > len(leading) and _least([*block, column]) > width:
            yield block
            block = leading
        block = [*block, column]
    yield block


def _length(text: str) -> int:
    """Return the cells of a text, without the blanks at its end."""
    return cell_len(text.rstrip())


def _least(block: Sequence[_Measured]) -> int:
    return sum(column.least for column in block) + len(block) - 1


def _draw(block: Sequence[_Measured], width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    spare = max(width - _least(block), 0)
    texts = []
    for column in block:
        own = min(column.natural, column.least + spare)
        spare -= own - column.least
        heading, *lines = (Text(break_name(text, own)) for text in column.texts)
        table.add_column(heading, justify=column.align, width=own, no_wrap=True)
        texts.append(lines)
    for row in zip(*texts, strict=True):
        table.add_row(*row)
    return table
