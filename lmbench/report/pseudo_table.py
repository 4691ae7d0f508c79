"""The table of pseudo-perplexities, which compare with nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from lmbench.metrics import Metrics
from lmbench.report.contents import Column, Contents
from lmbench.report.costs import SCORE_LEGEND, show_score_costs
from lmbench.runs.records import Cell, Costs

_LEGEND = (
    "pseudo-ppl: 2^(total bits / tokens), each token predicted from all others",
    "score s: wall-clock seconds",
    *SCORE_LEGEND,
)
_NOTE = (
    "These scores are not probabilities of a text. Compare them only between models with the same tokenizer, and with "
    "no number above."
)
_COLUMNS = (
    Column("model", "left"),
    Column("corpus", "left"),
    Column("pseudo-ppl"),
    Column("score s"),
    Column("params"),
    Column("MiB"),
)


def build_pseudo_table(cells: Sequence[Cell]) -> Contents | None:
    """Return the table of the cells whose scores are not probabilities; None if there are none."""
    rows = tuple(
        _show_row(cell, cell.metrics, cell.costs) for cell in cells if cell.pseudo and cell.metrics and cell.costs
    )
    return Contents("Pseudo-perplexities", _COLUMNS, rows, _LEGEND, (_NOTE,)) if rows else None


def _show_row(cell: Cell, metrics: Metrics, costs: Costs) -> tuple[str, ...]:
    value = metrics.token_perplexity
    shown = f"{value:,.1f}" if value < 1e6 else f"{value:.2e}"
    return (cell.label, cell.corpus, shown, *show_score_costs([costs]))
