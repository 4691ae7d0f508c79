"""Published figures on a corpus of the catalog, beside those of a run."""

from __future__ import annotations

from collections.abc import Mapping

from lmbench.corpora.catalog import CatalogEntry, read_catalog
from lmbench.errors import CorpusError
from lmbench.report.contents import Column, Contents
from lmbench.runs.records import CorpusRecord

_NOTE = (
    "These figures are not ranked, since they are of other programs: a figure compares with a number above only if the "
    "measure, the split and the convention are the same, and the whole split is scored."
)


def read_entries() -> Mapping[str, CatalogEntry]:
    """Return the entries of the catalog; none if the user's own catalog is broken, which does not concern a report."""
    try:
        return read_catalog()
    except CorpusError:
        return {}


def build_literature_table(corpus: CorpusRecord, entries: Mapping[str, CatalogEntry]) -> Contents | None:
    """Return the published figures on a corpus; None if the catalog does not have any.

    Args:
        corpus: The corpus. Another text that only has the name of an entry is told apart by its description.
        entries: The entries of the catalog by name.
    """
    entry = entries.get(corpus.name)
    if entry is None or entry.description != corpus.description or not entry.published:
        return None
    figures = sorted(entry.published, key=lambda figure: (figure.measure, figure.split, figure.value))
    return Contents(
        title=f"Figures from the literature on {corpus.name}",
        columns=(
            Column("model", "left"),
            Column("value"),
            Column("measure", "left"),
            Column("split", "left"),
            Column("convention", "left"),
            Column("source", "left"),
        ),
        rows=tuple(
            (figure.model, f"{figure.value:g}", figure.measure, figure.split, figure.convention, figure.source)
            for figure in figures
        ),
        legend=(),
        notes=(_NOTE,),
    )
