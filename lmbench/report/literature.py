"""Published figures on a corpus of the catalog or on a task, beside those of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lmbench.analysis.task_ranking import TaskRanking
from lmbench.corpora.catalog import CatalogEntry, read_catalog
from lmbench.errors import CorpusError
from lmbench.report.contents import Column, Contents
from lmbench.runs.records import CorpusRecord

_CORPUS_NOTE = (
    "These figures are not ranked, since they are of other programs: a figure compares with a number above only if the "
    "measure, the split and the convention are the same, and the whole split is scored."
)
_TASK_NOTE = (
    "These figures are means over the same groups of items, but of other items if the task has a limit, and of other "
    "programs; they are not ranked."
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
    rows = [
        (figure.model, f"{figure.value:g}", figure.measure, figure.split, figure.convention, figure.source)
        for figure in figures
    ]
    return _build_table(corpus.name, ("measure", "split", "convention", "source"), rows, _CORPUS_NOTE)


def build_task_literature(ranking: TaskRanking) -> Contents | None:
    """Return the published figures on a task, means over all of its groups; None if there are none."""
    table = ranking.task.published_by
    if table is None:
        return None
    means = table.means(set(ranking.answers.groups.get(table.group, ())))
    rows = [(model, f"{value:.1f}", table.measure, table.convention, table.source) for model, value in means.items()]
    columns = ("measure", "convention", "source")
    return _build_table(ranking.task.name, columns, rows, _TASK_NOTE) if rows else None


def find_published(ranking: TaskRanking, name: str) -> Mapping[str, Mapping[str, float]]:
    """Return the published figures of the models on each group of a name.

    They are means over the parts of a group of which figures are known, such as the paradigms of a field.
    """
    table, groups = ranking.task.published_by, ranking.answers.groups
    if table is None or table.group not in groups:
        return {}
    parts: dict[str, set[str]] = {}
    for group, part in zip(groups[name], groups[table.group], strict=True):
        parts.setdefault(group, set()).add(part)
    return {group: table.means(members) for group, members in parts.items()}


def _build_table(name: str, facts: Sequence[str], rows: Sequence[tuple[str, ...]], note: str) -> Contents:
    """Return a table of figures on a corpus or task: models, values, and facts about each value."""
    columns = (Column("model", "left"), Column("value"), *(Column(fact, "left") for fact in facts))
    return Contents(f"Figures from the literature on {name}", columns, tuple(rows), (), (note,))
