"""Two models document by document: the bits per byte of each document under both of them.

A point above the line of equal bits is a document on which the first model needs fewer bits. If the difference of two
models comes from a few documents, these are far from the line. If a model is better everywhere, all points are on one
side of it, and the line is not drawn if it is too far away.

The frame has a row for each document of the test text:

- ``document``: its number, from 0.
- ``bytes``: its length.
- ``bits``, ``other_bits``: the bits of the first model and of the second one.
- ``bits_per_byte``, ``other_bits_per_byte``: the same, divided by the bytes; NaN for a document without bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmbench.chart import Axis, Chart, Line, Points
from lmbench.runs.cell_files import read_documents
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 250
"""The documents of a chart, at most."""


def compare_documents(directory: RunDirectory, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return the bits of each document under two models.

    Args:
        directory: The run.
        cells: Two cells on the same test text.
    """
    import pandas as pd

    ours, theirs = (read_documents(directory.folder(cell.row)) for cell in cells)
    sizes = np.where(ours["bytes"] > 0, ours["bytes"], np.nan)
    return pd.DataFrame(
        {
            "document": np.arange(len(sizes)),
            "bytes": ours["bytes"],
            "bits": ours["bits"],
            "other_bits": theirs["bits"],
            "bits_per_byte": ours["bits"] / sizes,
            "other_bits_per_byte": theirs["bits"] / sizes,
        }
    )


def draw_documents(frame: pd.DataFrame, model: str, other: str) -> Chart:
    """Return the chart in which each document is a point.

    Args:
        frame: The frame of `compare_documents`.
        model: The label of the first model, along the x axis.
        other: The label of the second one, along the y axis.
    """
    known = frame[frame["bits_per_byte"].notna()]
    count = min(len(known), MOST_SHOWN)
    shown = known.iloc[np.arange(count) * len(known) // max(count, 1)]
    differences = shown["bits_per_byte"] - shown["other_bits_per_byte"]
    parts = (
        (f"{model} needs fewer bits", shown[differences < 0]),
        (f"{other} needs fewer bits", shown[differences > 0]),
        ("equal", shown[differences == 0]),
    )
    return Chart(
        title=f"Documents under {model} and {other}",
        description=f"Bits per byte of each document under both models{_name_selection(count, len(known))}.",
        x=Axis(model, "bits per byte"),
        y=Axis(other, "bits per byte"),
        series=(*_draw_line(shown), *(_draw_points(name, part) for name, part in parts if len(part))),
    )


def _name_selection(count: int, documents: int) -> str:
    return f"; {count} of {documents:,} documents, evenly spaced in the text" if count < documents else ""


def _draw_line(frame: pd.DataFrame) -> tuple[Line, ...]:
    """Return the line of equal bits, over the numbers that both axes share; nothing if they share none."""
    columns = frame[["bits_per_byte", "other_bits_per_byte"]]
    ends = (float(columns.min().max()), float(columns.max().min()))
    return (Line("equal bits", ends, ends, is_dashed=True),) if ends[0] < ends[1] else ()


def _draw_points(name: str, frame: pd.DataFrame) -> Points:
    return Points(
        f"{name} ({len(frame)})",
        tuple(frame["bits_per_byte"]),
        tuple(frame["other_bits_per_byte"]),
        labels=tuple(f"document {number}" for number in frame["document"]),
    )
