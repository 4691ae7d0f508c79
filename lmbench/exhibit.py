"""Exhibits: what a fitted model shows of itself, as data that a terminal, a page or a picture can show."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lmbench.printable import printable

Number = int | Annotated[float, Field(allow_inf_nan=False)]


class Exhibit(BaseModel):
    """A table with a heading, and how it is best looked at. Texts may be raw: whoever shows them escapes them.

    title    a few words
    shows    what there is to see, in one line
    kind     "table"; "lines", the first column is x and each other one a line over it; "heatmap", the first column
             names the rows, and the others are numbers
    columns  their names; of lines and heatmaps, the first is the name of the axis
    rows     as many entries as columns; None where there is no value. Lines and heatmaps have numbers, but for a
             heatmap's first column
    unit     of lines and heatmaps: what their numbers are, as in "bits per byte"
    levels   of lines: (name, value) of horizontal lines to compare with
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
                raise ValueError(f"row {number} of a {self.kind} exhibit has text where a number should stand")
        if self.levels and self.kind != "lines":
            raise ValueError(f"levels are for lines, and this is a {self.kind}")
        return self


def formatted(entry: Number | str | None) -> str:
    """An entry as people read it: four significant digits of a fraction, nothing for None."""
    if entry is None:
        return ""
    if isinstance(entry, str):
        return printable(entry)
    return f"{entry:,}" if isinstance(entry, int) else f"{entry:.4g}"
