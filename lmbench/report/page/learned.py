"""The exhibits of the models, as pictures and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.exhibit import Exhibit, formatted
from lmbench.report.contents import Column, Contents
from lmbench.report.exhibits import describe, list_exhibits
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.plots import make_chart
from lmbench.report.ranked_run import RankedRun


@dataclass(frozen=True, slots=True)
class Learned:
    """The exhibits of a fit.

    Attributes:
        model: The label of the model.
        places: The names of the corpora and tasks.
        titles: The titles of the exhibits.
        tables: The exhibits that are tables.
        figures: The other exhibits.
    """

    model: str
    places: str
    titles: str
    tables: Sequence[Contents]
    figures: Sequence[Figure]


def list_learned(results: RankedRun) -> Iterator[Learned]:
    """Yield the exhibits of each fit that has any."""
    for fit in list_exhibits(results.directory, results.all_cells):
        yield Learned(
            model=fit.model,
            places=fit.places,
            titles=", ".join(exhibit.title for exhibit in fit.exhibits),
            tables=[_make_table(exhibit) for exhibit in fit.exhibits if exhibit.kind == "table"],
            figures=[make_figure(make_chart(exhibit)) for exhibit in fit.exhibits if exhibit.kind != "table"],
        )


def _make_table(exhibit: Exhibit) -> Contents:
    are_texts = [any(isinstance(row[place], str) for row in exhibit.rows) for place in range(len(exhibit.columns))]
    return Contents(
        title=exhibit.title,
        columns=tuple(
            Column(name, "left" if is_text else "right")
            for name, is_text in zip(exhibit.columns, are_texts, strict=True)
        ),
        rows=tuple(tuple(map(formatted, row)) for row in exhibit.rows),
        legend=(),
        notes=(describe(exhibit),),
    )
