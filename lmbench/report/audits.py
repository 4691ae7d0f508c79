"""The audits of a run's cells: a sentence for each corpus, and entries for table.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lmbench.checks.audit import Audit
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory


def summarize_audits(directory: RunDirectory) -> list[str]:
    """Return a sentence on the audits of each corpus that has probabilities, or that none was done."""
    cells = [cell for cell in directory.cells() if cell.metrics and not cell.pseudo]
    by_corpus = (
        (corpus.name, [cell for cell in cells if cell.corpus == corpus.name]) for corpus in directory.manifest.corpora
    )
    return [f"{name}: {'; '.join(_summarize(cells))}" for name, cells in by_corpus if cells]


def audit_entries(cell: Cell) -> dict[str, object]:
    """Return the figures of a cell's audit, by their names in table.csv."""
    return {f"audit_{name}": value for name, value in cell.audit.model_dump().items()} if cell.audit else {}


def _summarize(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield what was audited and found, and what was not."""
    if audits := [cell.audit for cell in cells if cell.audit]:
        yield f"{_number(len(audits), 'cell')} audited: {'; '.join(_figures(audits))}"
    if failed := [cell.label for cell in cells if cell.audit and cell.audit.failure]:
        yield f"failed: {', '.join(failed)}"
    for cell in cells:
        if cell.audit and cell.audit.not_rescored:
            yield f"not scored again: {cell.label}: {cell.audit.not_rescored}"
    if missing := [cell.label for cell in cells if not cell.audit]:
        yield f"not audited: {', '.join(missing)}"


def _figures(audits: Sequence[Audit]) -> Iterator[str]:
    yield f"{_count(audits, 'documents')} documents and {_count(audits, 'prefixes')} prefixes scored again"
    if rescored := sum(audit.rescored for audit in audits):
        yield f"{rescored:,} documents scored in another process"
    yield f"{_count(audits, 'positions')} distributions and {_count(audits, 'spellings')} spellings examined"
    yield f"largest difference {_largest(audit.largest_difference for audit in audits)} nats"
    yield f"largest sum error {_largest(audit.largest_sum_error for audit in audits)}"
    yield f"{sum(audit.seconds for audit in audits):.1f} s"


def _count(audits: Iterable[Audit], name: str) -> str:
    return f"{sum(getattr(audit, name) for audit in audits):,}"


def _largest(values: Iterable[float]) -> str:
    return f"{max(values):.1g}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
