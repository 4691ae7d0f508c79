"""The table of each corpus: its models, ranked by bits per byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.corpora.anchors import Anchor
from lmbench.metrics import bits_per_byte
from lmbench.report import costs
from lmbench.report.contents import NONE, Column, Contents
from lmbench.report.digits import choose_decimals, show_fixed
from lmbench.report.measures import PER_BYTE, Measure, list_measures
from lmbench.report.ranked_run import RankedRun, name_entry, show_rank
from lmbench.report.uncertainty import describe_details, describe_ranking
from lmbench.runs.records import Cell, CorpusRecord
from lmbench.statistics import Estimate

_RANK_LEGEND = "rank: 1 + the number of better models; = if another one does not differ"
_GROUP_LEGEND = "group: models that share a letter do not differ by more than chance"
_COMPRESSORS = (
    "Compressors are not ranked. They read all test documents as one text, so they learn from the documents before. "
    "They are:"
)
_ENDINGS = {"unavailable": "is unavailable", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class _Line:
    """A row that has bits per byte.

    Attributes:
        per_byte: Bits per byte.
        texts: The texts of the row.
        is_best: Whether the model is the best one, or does not differ from it.
    """

    per_byte: float
    texts: tuple[str, ...]
    is_best: bool = False


def build_ranked_table(results: RankedRun, ranking: Ranking) -> Contents:
    """Return the table of a corpus: ranked models and compressors, then impossible numbers, then failed cells."""
    corpus, cells = ranking.corpus, results.cells_of(ranking)
    decimals = choose_decimals(entry.per_byte for entry in ranking.entries)
    measures = list_measures(corpus, decimals)
    lines = [_entry_line(results, entry, measures) for entry in ranking.entries]
    lines += [_anchor_line(anchor, corpus, decimals, measures) for anchor in corpus.anchors]
    lines.sort(key=attrgetter("per_byte"))
    impossible = [_entry_line(results, entry, measures, "✗") for entry in _describe_impossible(cells)]
    lines += sorted(impossible, key=attrgetter("per_byte"))
    numbers = (*(measure.name for measure in measures), *costs.HEADINGS)
    meanings = (f"{measure.name}: {measure.meaning}" for measure in measures)
    failed = (_failed_row(cell, len(numbers) + 1) for cell in cells if not cell.metrics)
    return Contents(
        title=_show_title(corpus),
        columns=(Column("rank"), Column("model", "left"), *map(Column, numbers), Column("group", is_optional=True)),
        rows=(*(line.texts for line in lines), *failed),
        legend=(
            _RANK_LEGEND,
            f"differ: p < 0.05 with Holm's correction, and not within ±{ranking.margin:g} bits/byte",
            *meanings,
            *costs.LEGEND,
            _GROUP_LEGEND,
            *costs.explain_marks(cells),
        ),
        notes=(*describe_ranking(ranking), *_describe_cells(results, corpus, cells)),
        details=(*describe_details(ranking), *_describe_anchors(corpus), *results.marks.describe_changes(cells)),
        best=tuple(number for number, line in enumerate(lines) if line.is_best),
    )


def name_anchor(anchor: Anchor) -> str:
    """Return the name of a compressor, as tables show it."""
    return f"{anchor.name} (compressor)"


def find_rate(anchor: Anchor, corpus: CorpusRecord) -> float:
    """Return the bits per byte of a compressor."""
    return bits_per_byte(anchor.bits, corpus.test_bytes)


def _entry_line(results: RankedRun, entry: Entry, measures: Sequence[Measure], rank: str = "") -> _Line:
    texts = (
        rank or show_rank(entry) or NONE,
        results.marks.label(name_entry(entry), entry.cells) + " §" * entry.has_one_seed,
        *(measure.show(entry) for measure in measures),
        *costs.show_costs(entry.cells),
        entry.letters or NONE,
    )
    return _Line(entry.per_byte.value, texts, entry.is_best)


def _anchor_line(anchor: Anchor, corpus: CorpusRecord, decimals: int, measures: Sequence[Measure]) -> _Line:
    rate = find_rate(anchor, corpus)
    shown = (show_fixed(rate, decimals) if measure.name == PER_BYTE else NONE for measure in measures)
    return _Line(rate, ("", name_anchor(anchor), *shown, *[NONE] * (len(costs.HEADINGS) + 1)))


def _failed_row(cell: Cell, others: int) -> tuple[str, ...]:
    """Return the row of a cell without numbers: its status, and as many empty texts as there are other columns."""
    return ("", f"{cell.label} ({cell.status})", *[""] * others)


def _describe_impossible(cells: Sequence[Cell]) -> Iterator[Entry]:
    """Yield entries without intervals for the cells whose numbers no honest model can have."""
    for cell in cells:
        if cell.impossible and cell.metrics:
            excess = None if cell.metrics.excess is None else Estimate(cell.metrics.excess)
            yield Entry(cell.label, (cell,), Estimate(cell.metrics.bits_per_byte), excess)


def _describe_cells(results: RankedRun, corpus: CorpusRecord, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield what must be known about the marks, the corpus, and cells that are missing or failed."""
    yield from results.marks.notes(cells)
    floor = next((cell.metrics.floor for cell in cells if cell.metrics), None)
    if floor is not None:
        yield f"Floor: {floor:.4f} bits/byte, {corpus.floor_note}."
    if corpus.overlap is not None:
        yield f"Overlap: {corpus.overlap}."
    if corpus.note:
        yield corpus.note
    if skipped := results.skipped(corpus):
        yield f"Not evaluated, since they know natural language and this text is synthetic: {', '.join(skipped)}."
    yield from (f"{cell.label} {_ENDINGS[cell.status]}: {cell.error}" for cell in cells if cell.error)
    yield from costs.name_machines(cells)
    if missing := [row.label for row in results.missing if row.corpus == corpus.name]:
        found = sum(cell.corpus == corpus.name for cell in results.cells)
        stored = f"{found} of {found + len(missing)} cells are stored."
        yield f"{stored} Missing or damaged: {', '.join(missing)}. `lmbench run` evaluates them."


def _describe_anchors(corpus: CorpusRecord) -> Iterator[str]:
    if corpus.anchors:
        yield f"{_COMPRESSORS} {'; '.join(anchor.how for anchor in corpus.anchors)}."


def _show_title(corpus: CorpusRecord) -> str:
    documents = "1 document" if corpus.test_documents == 1 else f"{corpus.test_documents:,} documents"
    return f"{corpus.name}: {corpus.test_bytes:,} bytes of test text in {documents}"
