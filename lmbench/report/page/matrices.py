"""Matrices of the page: models by corpora, and models by models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.report.contents import NONE, join_columns
from lmbench.report.digits import choose_decimals, show_difference, show_fixed
from lmbench.report.ranked_run import RankedRun, name_entry, show_rank
from lmbench.runs.records import Cell
from lmbench.statistics import Comparison


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a matrix.

    Attributes:
        text: Its text.
        note: A few letters after it, such as a rank group.
        hint: A text that appears at the pointer.
        tone: "best", "better" or "worse" for entries that are marked; else "".
    """

    text: str
    note: str = ""
    hint: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Entries by rows and columns.

    Attributes:
        title: One line.
        corner: The heading of the names of the rows.
        columns: The names of the columns.
        rows: The name of each row, and its entries.
        legend: How to read it.
    """

    title: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Item]]]
    legend: Sequence[str]


_ABSENT = Item(NONE)
_OVERVIEW = (
    "Numbers are bits per byte: lower is better. Letters are rank groups: models that share one in a column do "
    "not differ by more than chance. The best model and those that do not differ from it are bold, on a tinted ground.",
    "There is no mean over the columns: the choice of the corpora would decide it.",
)
_PAIRS = (
    "Bits per byte of the model on the left less those of the model above. Bold with ▼: the model on the left needs "
    "fewer by more than chance; with ▲: more; =: equal within the margin; no mark: a difference is not shown.",
)


def build_overview(results: RankedRun) -> Matrix:
    """Return the bits per byte of each model on each corpus, with rank groups."""
    return Matrix(
        title="Bits per byte of all models on all corpora",
        corner="model",
        columns=[ranking.corpus.name for ranking in results.rankings],
        rows=join_columns([_list_items(results, ranking) for ranking in results.rankings], _ABSENT),
        legend=_OVERVIEW,
    )


def build_pair_matrix(ranking: Ranking) -> Matrix:
    """Return the difference of each two models on a corpus."""
    names = [name_entry(entry) for entry in ranking.entries]
    pairs = {(pair.first, pair.second): pair for pair in ranking.comparisons}
    pairs |= {(pair.second, pair.first): pair.reversed() for pair in ranking.comparisons}
    can_differ = not ranking.has_too_few_documents
    numbers = range(len(names))
    return Matrix(
        title=f"Differences of all pairs on {ranking.corpus.name}",
        corner="model",
        columns=names,
        rows=[
            (names[one], [_show_pair(pairs[one, other], can_differ) if one != other else Item("") for other in numbers])
            for one in numbers
        ],
        legend=_PAIRS,
    )


def _list_items(results: RankedRun, ranking: Ranking) -> Mapping[str, Item]:
    """Return the item of each model on a corpus, by its name: ranked ones, and cells without numbers."""
    decimals = choose_decimals(entry.per_byte for entry in ranking.entries)
    items = {name_entry(entry): _show_entry(results, entry, decimals) for entry in ranking.entries}
    ranked = {cell.row.slot for entry in ranking.entries for cell in entry.cells}
    others = [cell for cell in results.cells_of(ranking) if cell.row.slot not in ranked]
    return items | {cell.label: _show_unranked(cell) for cell in others}


def _show_entry(results: RankedRun, entry: Entry, decimals: int) -> Item:
    marks = results.marks.label("", entry.cells).strip()
    rank = f"rank {show_rank(entry)}" if entry.rank is not None else "no rank is claimed"
    per_byte = entry.per_byte
    interval = ""
    if per_byte.low is not None and per_byte.high is not None:
        interval = f"; 95 % CI {show_fixed(per_byte.low, decimals)}–{show_fixed(per_byte.high, decimals)}"
    return Item(
        text=show_fixed(per_byte.value, decimals),
        note=" ".join(filter(None, [entry.letters, marks])),
        hint=f"{rank}{interval}",
        tone="best" * entry.is_best,
    )


def _show_unranked(cell: Cell) -> Item:
    """Return the item of a cell without numbers, or with impossible ones."""
    return Item("impossible" if cell.metrics else cell.status, hint=cell.doubt or cell.error)


def _show_pair(pair: Comparison, can_differ: bool) -> Item:
    tone, mark = "", ""
    if can_differ and pair.differs:
        tone, mark = ("better", "▼") if pair.difference.value < 0 else ("worse", "▲")
    elif can_differ and pair.equal:
        mark = "="
    shown = show_difference(pair.difference)
    return Item(
        shown.partition(" ")[0], mark, f"{shown}; fewer bits on {pair.wins:,} documents, more on {pair.losses:,}", tone
    )
