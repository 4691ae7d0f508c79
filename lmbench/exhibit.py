"""Exhibits: what a fitted model shows of itself, as data for a terminal, a page or a plot."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lmbench.printable import printable

Number = int | Annotated[float, Field(allow_inf_nan=False)]


class Exhibit(BaseModel):
    """A table with a heading, and the best way to show it. Its texts may be raw; displays escape them.

    Attributes:
        title: A few words.
        shows: One line about what the exhibit shows.
        kind: "table"; "lines", with x in the first column and one line over x for each other column; or "heatmap",
            with the names of the rows in the first column and numbers in the others.
        columns: The names of the columns. The first one names the axis of lines and heatmaps.
        rows: As many entries as columns; None for a missing value. Lines and heatmaps hold numbers, except for a
            heatmap's first column.
        unit: The unit of lines and heatmaps, such as "bits per byte".
        levels: (name, value) of horizontal lines to compare lines with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    shows: str
    kind: Literal["table", "lines", "heatmap"]
    columns: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[Number | str | None, ...], ...]
    unit: str = ""
    levels: tuple[tuple[str, Number], ...] = ()

    @model_validator(mode="after")
    def _is_well_formed(self) -> Self:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} entries, and there are {len(self.columns)} columns")
            numbers = {"table": (), "lines": row, "heatmap": row[1:]}[self.kind]
            if any(isinstance(entry, str) for entry in numbers):
                raise ValueError(f"row {number} of a {self.kind} exhibit has text instead of a number")
        if self.levels and self.kind != "lines":
            raise ValueError(f"levels are for lines, and this is a {self.kind}")
        return self


def formatted(entry: Number | str | None) -> str:
    """Return an entry as people read it: fractions with four significant digits, nothing for None."""
    if entry is None:
        return ""
    if isinstance(entry, str):
        return printable(entry)
    return f"{entry:,}" if isinstance(entry, int) else f"{entry:.4g}"
