"""Tables of analyses for a terminal: which there are, and what one of them found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from lmbench.analysis.catalog import ANALYSES
from lmbench.analysis.history import HISTORY, WHOLE
from lmbench.exhibit import formatted
from lmbench.report.contents import NONE, Column, Contents

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 40
_WHOLE = 1000  # from which on a number has no decimals
_LONGEST = 60  # characters of a text, such as a passage


def list_catalog() -> Contents:
    """Return the table of all analyses."""
    return Contents(
        title="Analyses",
        columns=tuple(Column(name, "left") for name in ("name", "shows", "needs")),
        rows=tuple((one.name, one.shows, one.requires) for one in ANALYSES.values()),
        legend=("docs/analyses.md defines them, and describes the columns of their tables.",),
        notes=(),
    )


def build_tables(frames: Mapping[str, pd.DataFrame]) -> Iterator[Contents]:
    """Yield a table for each data frame and corpus.

    Args:
        frames: The data frames by name; their first column is the corpus.
    """
    for name, frame in frames.items():
        for corpus, part in frame.groupby("corpus", sort=False):
            yield _build(f"{name} on {corpus}", part.drop(columns="corpus"))


def _build(title: str, frame: pd.DataFrame) -> Contents:
    shown = frame.head(_MOST_ROWS)
    columns = tuple(Column(str(name), _align(shown[name])) for name in shown)
    known = shown.astype(object).where(shown.notna(), None)
    if HISTORY in known:
        known[HISTORY] = known[HISTORY].where(known[HISTORY].notna(), WHOLE)
    rows = tuple(tuple(map(_format, row)) for row in known.itertuples(index=False))
    rest = len(frame) - len(shown)
    notes = (f"{rest:,} more rows: --out writes them to a file.",) if rest else ()
    return Contents(title, columns, rows, (), notes)


def _align(values: pd.Series) -> Literal["left", "right"]:
    return "right" if values.dtype.kind in "iuf" else "left"


def _format(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return formatted(value) if abs(value) < _WHOLE else f"{value:,.0f}"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
