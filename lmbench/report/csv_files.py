"""table.csv and pairs.csv: all numbers of a run, unrounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from csv import DictWriter
from io import StringIO

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.corpora.anchors import Anchor
from lmbench.report.audits import audit_entries
from lmbench.report.markup import csv_text
from lmbench.report.ranked_run import RankedRun, name_entry, show_rank
from lmbench.report.ranked_tables import find_rate, name_anchor
from lmbench.report.uncertainty import find_need
from lmbench.runs.records import Cell, CorpusRecord, Provenance
from lmbench.statistics import Comparison

PAIR_COLUMNS = (
    "corpus", "first", "second", "difference", "low", "high", "standard_error", "p", "holm_p", "differs", "equal",
    "wins", "losses", "documents", "detectable", "bytes_for_1_percent", "bytes_for_1_percent_unpaired",
)  # fmt: skip
"""The columns of pairs.csv."""


def format_cells(results: RankedRun) -> str:
    """Return table.csv: one row per cell, and one per compressor and corpus.

    An entry is empty if the cell does not have the number. Texts are escaped so that no spreadsheet runs them.
    """
    rows = list_rows(results)
    return format_rows(list_columns(rows), rows)


def list_columns(rows: Sequence[dict[str, object]]) -> list[str]:
    """Return the names of all numbers that some row has."""
    return list(dict.fromkeys(name for row in rows for name in row))


def list_rows(results: RankedRun) -> list[dict[str, object]]:
    """Return the rows of table.csv: all numbers of each cell and of each compressor, by their names."""
    anchors = [(anchor, ranking.corpus) for ranking in results.rankings for anchor in ranking.corpus.anchors]
    return [*list_cells(results), *(_list_anchor(*each) for each in anchors)]


def list_cells(results: RankedRun) -> list[dict[str, object]]:
    """Return all numbers of each cell by their names; a number that a cell does not have is missing or None."""
    ranked = {cell.row.slot: _list_ranked(ranking, entry) for ranking, entry, cell in results.places()}
    return [_list_cell(cell, results) | ranked.get(cell.row.slot, {}) | _list_rest(cell) for cell in results.cells]


def format_pairs(results: RankedRun) -> str:
    """Return pairs.csv: one row per corpus and pair of ranked models, the better one first."""
    return format_rows(PAIR_COLUMNS, list_pairs(results))


def list_pairs(results: RankedRun) -> list[dict[str, object]]:
    """Return the rows of pairs.csv."""
    return [_list_pair(ranking, pair) for ranking in results.rankings for pair in ranking.comparisons]


def format_rows(names: Sequence[str], rows: Sequence[dict[str, object]]) -> str:
    """Return a file with these columns; an entry is empty if a row does not have it."""
    text = StringIO(newline="")
    writer = DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _escape(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _escape(value: object) -> object:
    if isinstance(value, str):
        return csv_text(value)
    return "" if isinstance(value, float) and math.isnan(value) else value


def _list_cell(cell: Cell, results: RankedRun) -> dict[str, object]:
    row: dict[str, object] = {
        "model": cell.model,
        "corpus": cell.corpus,
        "train_size": cell.train_size,
        "status": cell.status,
        "pretrained": results.marks.is_pretrained(cell),
        "unverified": results.marks.doubt(cell),
    }
    if cell.metrics and cell.pseudo:
        row["pseudo_perplexity"] = cell.metrics.token_perplexity
    elif cell.metrics:
        row |= cell.metrics.model_dump()
    return row


def _list_ranked(ranking: Ranking, entry: Entry) -> dict[str, object]:
    """Return the numbers of an entry, which the cells of all its seeds have in common."""
    units, excess = ranking.units, entry.excess
    return {
        "ranked_as": name_entry(entry),
        "ranked_bits_per_byte": entry.per_byte.value,
        "low": entry.per_byte.low,
        "high": entry.per_byte.high,
        "standard_error": entry.per_byte.error,
        "rank": entry.rank,
        "tied": entry.is_tied if show_rank(entry) else None,
        "letters": entry.letters,
        **_list_to_best(entry),
        "n_eff": units and units.effective,
        "units": units and len(units.sizes),
        "is_block": units and units.are_blocks,
        "excess_low": excess and excess.low,
        "excess_high": excess and excess.high,
        "seeds": len(entry.cells),
        "seed_sd": entry.seed_deviation,
    }


def _list_to_best(entry: Entry) -> dict[str, object]:
    pair = entry.to_best
    difference = pair and pair.difference
    return {
        "to_best": difference and difference.value,
        "to_best_low": difference and difference.low,
        "to_best_high": difference and difference.high,
        "to_best_p": difference and difference.p,
        "to_best_holm_p": pair and pair.adjusted_p,
    }


def _list_rest(cell: Cell) -> dict[str, object]:
    """Return costs, audit and provenance of a cell."""
    rest = (cell.costs.model_dump() if cell.costs else {}) | audit_entries(cell)
    rest |= {"remarks": "; ".join(cell.remarks)} | (_list_provenance(cell.provenance) if cell.provenance else {})
    return rest | {"signature": cell.signature, "error": cell.error}


def _list_anchor(anchor: Anchor, corpus: CorpusRecord) -> dict[str, object]:
    return {
        "model": name_anchor(anchor),
        "corpus": corpus.name,
        "status": "compressor",
        "documents": corpus.test_documents,
        "bytes": corpus.test_bytes,
        "bits": anchor.bits,
        "bits_per_byte": find_rate(anchor, corpus),
        "remarks": anchor.how,
    }


def _list_provenance(provenance: Provenance) -> dict[str, object]:
    """Return where, when and with what a cell was evaluated."""
    machine = provenance.machine
    return {
        "started": provenance.started,
        "processor": machine.processor,
        "cpus": machine.cpus,
        "memory": machine.memory,
        "gpu": machine.gpu,
        "platform": machine.platform,
        "python": provenance.python,
        "revision": provenance.revision,
        "threads": provenance.threads,
        "load": provenance.load,
        "versions": " ".join("=".join(pair) for pair in provenance.versions),
    }


def _list_pair(ranking: Ranking, pair: Comparison) -> dict[str, object]:
    first, second = ranking.entries[pair.first], ranking.entries[pair.second]
    need, units, difference = find_need(pair, first, second), ranking.units, pair.difference
    values = (
        ranking.corpus.name, name_entry(first), name_entry(second),
        difference.value, difference.low, difference.high, difference.error, difference.p, pair.adjusted_p,
        pair.differs, pair.equal, pair.wins, pair.losses, units and units.documents,
        pair.detectable, need and need.paired, need and need.unpaired,
    )  # fmt: skip
    return dict(zip(PAIR_COLUMNS, values, strict=True))
