"""The contents of a run's tables: columns, rows and the notes below them, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lmbench.corpora.anchors import Anchor
from lmbench.metrics import Metrics, bits_per_byte
from lmbench.report.marks import Marks
from lmbench.runs.records import Cell, CorpusRecord, Costs, Row
from lmbench.runs.store import RunDirectory


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True, slots=True)
class Contents:
    """A table in no particular format. The texts are not escaped.

    Attributes:
        title: One line above the table.
        columns: The columns, from left to right.
        rows: The rows, with one text for each column.
        legend: The meanings of headings, one per line.
        notes: Sentences below the table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Measure:
    """A column that says how good a model is, and its meaning for the legend."""

    name: str
    meaning: str
    show: Callable[[Metrics], str]


_PER_BYTE = _Measure(
    "bits/byte",
    "total bits / UTF-8 bytes; rows are ranked by it, lower is better",
    lambda metrics: f"{metrics.bits_per_byte:.4f}",
)
_PER_CHARACTER = _Measure(
    "bits/char",
    "total bits / code points; this text does not put spaces between words",
    lambda metrics: f"{metrics.bits_per_character:.4f}",
)
_PER_WORD = _Measure(
    "word ppl",
    "2^(bits / (words + line ends)); – for byte models, or over a million",
    lambda metrics: f"{metrics.word_perplexity:,.1f}" if _predicts_words(metrics) else "–",
)
_OOV = _Measure(
    "OOV",
    "share of the model's events that are unknown words, spelled out",
    lambda metrics: f"{metrics.oov_rate:.1%}",
)
_EXCESS = _Measure(
    "excess",
    "bits/byte above the floor, which no model beats on average",
    lambda metrics: "–" if metrics.excess is None else f"{metrics.excess:.4f}",
)
_SCORE_COSTS = ("params: number of parameters", "MiB: peak memory of the cell's process, libraries included")
_COSTS = ("fit s, score s: wall-clock seconds", *_SCORE_COSTS)
_IN_COMPANY = "* Measured while other cells were at work on the same machine."
_WAS_STORED = "° The model was restored from the store of fitted models. These seconds are those of its fit."
_PSEUDO_LEGEND = (
    "pseudo-ppl: 2^(total bits / tokens), each token predicted from all others",
    "score s: wall-clock seconds",
    *_SCORE_COSTS,
)
_PSEUDO = (
    "These scores are not probabilities of a text. Compare them only between models with the same tokenizer, and with "
    "no number above."
)
_PSEUDO_COLUMNS = (
    Column("model", "left"),
    Column("corpus", "left"),
    Column("pseudo-ppl"),
    Column("score s"),
    Column("params"),
    Column("MiB"),
)
_COMPRESSORS = (
    "Compressors are not ranked. They read all test documents as one text, so they learn from the documents before. "
    "They are:"
)
_MOST_EVENTS = 2  # for each word and line end; byte-pair encoding of English needs about 1.3
_LARGEST_PERPLEXITY = 1e6
_ENDINGS = {"unavailable": "is unavailable", "failed": "failed"}


def build_tables(directory: RunDirectory) -> list[Contents]:
    """Return the tables of a run: one for each corpus, and one of pseudo-perplexities if there are any."""
    cells, marks, missing = directory.cells(), Marks.of(directory), directory.missing()
    by_corpus = [
        _add_missing(
            _ranked_table(corpus, ranked([cell for cell in cells if cell.corpus == corpus.name]), marks),
            [row for row in missing if row.corpus == corpus.name],
        )
        for corpus in directory.manifest.corpora
    ]
    pseudo_rows = tuple(
        _pseudo_row(cell, cell.metrics, cell.costs) for cell in cells if cell.pseudo and cell.metrics and cell.costs
    )
    if not pseudo_rows:
        return by_corpus
    return [*by_corpus, Contents("Pseudo-perplexities", _PSEUDO_COLUMNS, pseudo_rows, _PSEUDO_LEGEND, (_PSEUDO,))]


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that have bits per byte, sorted by them, then the others in the order of the run.

    Cells whose numbers are impossible come between the two. Pseudo-perplexities are left out.
    """
    probable = [cell for cell in cells if not cell.pseudo]
    return sorted(
        probable,
        key=lambda cell: (
            cell.metrics is None,
            cell.impossible,
            cell.metrics.bits_per_byte if cell.metrics else 0,
        ),
    )


def _ranked_table(corpus: CorpusRecord, cells: Sequence[Cell], marks: Marks) -> Contents:
    measures = _measures(corpus)
    rows = [_ranked_row(measures, rank, cell, marks.label(cell)) for rank, cell in enumerate(cells, start=1)]
    for anchor in sorted(corpus.anchors, key=lambda anchor: -anchor.bits):
        rows.insert(_count_better(cells, _anchor_rate(anchor, corpus)), _anchor_row(measures, anchor, corpus))
    return Contents(
        f"{corpus.name}: {corpus.test_bytes:,} bytes of test text in {corpus.test_documents:,} documents",
        (
            Column(""),
            Column("model", "left"),
            *(Column(measure.name) for measure in measures),
            Column("fit s"),
            Column("score s"),
            Column("params"),
            Column("MiB"),
        ),
        tuple(rows),
        (*(f"{measure.name}: {measure.meaning}" for measure in measures), *_COSTS),
        tuple(_notes(corpus, cells, marks)),
    )


def _add_missing(contents: Contents, missing: Sequence[Row]) -> Contents:
    """Return a table that says which of its rows are missing."""
    if not missing:
        return contents
    found, names = len(contents.rows), ", ".join(row.label for row in missing)
    stored = f"{found} of {found + len(missing)} cells are stored."
    note = f"{stored} Missing or damaged: {names}. `lmbench run` evaluates them."
    return replace(contents, notes=(*contents.notes, note))


def _measures(corpus: CorpusRecord) -> tuple[_Measure, ...]:
    """Return the four measures that suit a corpus. More do not fit into 80 columns; table.csv has all."""
    if not corpus.spaced:
        return _PER_CHARACTER, _PER_BYTE, _OOV
    return (_PER_BYTE, _EXCESS, _PER_WORD) if corpus.floor_note else (_PER_BYTE, _PER_WORD, _OOV)


def _ranked_row(measures: Sequence[_Measure], rank: int, cell: Cell, label: str) -> tuple[str, ...]:
    metrics, costs = cell.metrics, cell.costs
    if metrics is None or costs is None:
        return ("", cell.label, cell.status, *[""] * (len(measures) + 3))
    return (
        "✗" if cell.impossible else str(rank),
        label,
        *(measure.show(metrics) for measure in measures),
        _fit_seconds(costs),
        *_score_costs(costs),
    )


def anchor_label(anchor: Anchor) -> str:
    """Return the name of a compressor, as tables show it."""
    return f"{anchor.name} (compressor)"


def _anchor_row(measures: Sequence[_Measure], anchor: Anchor, corpus: CorpusRecord) -> tuple[str, ...]:
    per_byte = f"{_anchor_rate(anchor, corpus):.4f}"
    shown = (per_byte if measure is _PER_BYTE else "–" for measure in measures)
    return ("", anchor_label(anchor), *shown, *["–"] * 4)


def _anchor_rate(anchor: Anchor, corpus: CorpusRecord) -> float:
    return bits_per_byte(anchor.bits, corpus.test_bytes)


def _count_better(cells: Sequence[Cell], rate: float) -> int:
    """Return the number of ranked cells that need at most this many bits per byte."""
    return sum(cell.metrics.bits_per_byte <= rate for cell in cells if cell.metrics and not cell.impossible)


def _pseudo_row(cell: Cell, metrics: Metrics, costs: Costs) -> tuple[str, ...]:
    return (cell.label, cell.corpus, _perplexity(metrics.token_perplexity), *_score_costs(costs))


def _fit_seconds(costs: Costs) -> str:
    if costs.fit_seconds is None:
        return "–"
    return _seconds(costs.fit_seconds) + ("°" if costs.was_stored else "*" * bool(costs.company))


def _score_costs(costs: Costs) -> tuple[str, str, str]:
    return (
        _seconds(costs.score_seconds) + "*" * bool(costs.company),
        "–" if costs.parameters is None else _abbreviate(costs.parameters),
        f"{costs.peak_bytes / 2**20:.0f}",
    )


def _notes(corpus: CorpusRecord, cells: Sequence[Cell], marks: Marks) -> list[str]:
    notes = marks.notes(cells)
    floor = next((cell.metrics.floor for cell in cells if cell.metrics), None)
    if floor is not None:
        notes.append(f"Floor: {floor:.4f} bits/byte, {corpus.floor_note}.")
    if corpus.overlap is not None:
        notes.append(f"Overlap: {corpus.overlap}.")
    if corpus.note:
        notes.append(corpus.note)
    if corpus.anchors:
        notes.append(f"{_COMPRESSORS} {'; '.join(anchor.how for anchor in corpus.anchors)}.")
    notes += [f"{cell.label} {_ENDINGS[cell.status]}: {cell.error}" for cell in cells if cell.error]
    return [*notes, *_cost_notes([cell for cell in cells if cell.costs])]


def _cost_notes(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield what must be known to compare costs: marks, and which cells were evaluated on which machine."""
    if any(cell.costs and cell.costs.company for cell in cells):
        yield _IN_COMPANY
    if any(cell.costs and cell.costs.was_stored for cell in cells):
        yield _WAS_STORED
    places: dict[str, list[str]] = {}
    for cell in cells:
        if cell.provenance is not None:
            places.setdefault(str(cell.provenance.machine), []).append(cell.label)
    if len(places) > 1:
        where = "; ".join(f"{', '.join(names)} on {machine}" for machine, names in places.items())
        yield f"Costs are of different machines: {where}."


def _predicts_words(metrics: Metrics) -> bool:
    """Return whether a perplexity per word says something: the events are about words, and not letters or bytes."""
    words = metrics.words + metrics.line_ends
    return metrics.events <= _MOST_EVENTS * words and metrics.word_perplexity < _LARGEST_PERPLEXITY


def _perplexity(value: float) -> str:
    return f"{value:,.1f}" if value < 1e6 else f"{value:.2e}"


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _abbreviate(count: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return str(count)
