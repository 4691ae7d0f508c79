"""Exhibits: what a fitted model learned, as data for a terminal, a page or a plot."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticSerializationError

from lmbench.errors import PluginError, kind_of, reason
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


def plain_exhibits(returned: object) -> tuple[Exhibit, ...]:
    """Return copies of the exhibits that `LanguageModel.exhibits` returned, as they will be stored.

    Raises:
        PluginError: It returned anything else.
    """
    if not isinstance(returned, tuple):
        raise PluginError(f"exhibits returned {kind_of(returned)}; it must return a tuple of Exhibit")
    return tuple(map(_plain_exhibit, returned))


def _plain_exhibit(exhibit: object) -> Exhibit:
    if not isinstance(exhibit, Exhibit):
        raise PluginError(f"exhibits returned a tuple with {kind_of(exhibit)}; it must hold Exhibit alone")
    try:  # an exhibit can be made without validation
        return Exhibit.model_validate_json(Exhibit.model_dump_json(exhibit, warnings=False))
    except (ValidationError, PydanticSerializationError) as error:
        raise PluginError(f"exhibits returned an Exhibit that is not valid: {reason(error)}") from error


def formatted(entry: Number | str | None) -> str:
    """Return an entry as people read it: fractions with four significant digits, nothing for None."""
    if entry is None:
        return ""
    if isinstance(entry, str):
        return printable(entry)
    return f"{entry:,}" if isinstance(entry, int) else f"{entry:.4g}"
