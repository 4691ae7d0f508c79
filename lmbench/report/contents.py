"""The contents of a table: columns, rows and the notes below them, whatever the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Value = TypeVar("Value")

NONE = "–"
"""What a table shows if a row does not have a number."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: Its heading.
        align: The side at which its texts begin.
        is_optional: Whether a narrow terminal leaves it out.
    """

    heading: str
    align: Literal["left", "right"] = "right"
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """A table in no particular format. The texts are not escaped.

    Attributes:
        title: One line above the table.
        columns: The columns, from left to right.
        rows: The rows, with one text for each column.
        legend: The meanings of headings, one per line.
        notes: Sentences below the table.
        details: More sentences, which a terminal leaves out.
        best: The numbers of the rows of the best model and of those that do not differ from it, the best one first;
            empty if the table claims no ranking.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[str, ...]
    notes: tuple[str, ...]
    details: tuple[str, ...] = ()
    best: tuple[int, ...] = ()

    @property
    def name_column(self) -> int | None:
        """The number of the column that names the rows, the first one of texts; None if there is none."""
        return next((number for number, column in enumerate(self.columns) if column.align == "left"), None)


def join_columns(columns: Sequence[Mapping[str, Value]], absent: Value) -> list[tuple[str, list[Value]]]:
    """Return the rows of a table, each with its name.

    Args:
        columns: The values of each column by the names of their rows.
        absent: The value of a row that a column does not have.
    """
    names = dict.fromkeys(name for column in columns for name in column)
    return [(name, [column.get(name, absent) for column in columns]) for name in names]
