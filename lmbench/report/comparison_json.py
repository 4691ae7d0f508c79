"""Comparisons of models and runs as JSON, one object a row."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lmbench.analysis.changes import Change
from lmbench.analysis.comparison import ComparedModels, ComparedRuns, Refusal
from lmbench.analysis.pair import Pair


def format_models(compared: ComparedModels) -> list[str]:
    """Return the comparison of two models as JSON objects, one for each corpus. Those that are refused come last."""
    shared = {"model": compared.model.label, "baseline": compared.baseline.label}
    rows: list[Mapping[str, object]] = [shared | list_numbers(pair) for pair in compared.pairs]
    rows += [shared | _refusal_entries(refusal) for refusal in compared.refusals]
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def format_runs(compared: ComparedRuns) -> list[str]:
    """Return the comparison of two runs as JSON objects, one for each row: model is the second run's."""
    rows: list[Mapping[str, object]] = [
        {"model": pair.model.label, "baseline": pair.baseline.label}
        | list_numbers(pair)
        | {
            "changes": [
                _change_entries(change)
                for change in compared.changes
                if (pair.corpus.name, pair.model.label) in change.rows
            ]
        }
        for pair in compared.pairs
    ]
    rows += [{"model": refusal.model} | _refusal_entries(refusal) for refusal in compared.refusals]
    for verdict, found in (("only in first", compared.only_before), ("only in second", compared.only_after)):
        rows += [{"model": label, "corpus": corpus, "verdict": verdict} for corpus, label in found]
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def list_numbers(pair: Pair) -> dict[str, object]:
    """Return the numbers of a comparison by their names in JSON."""
    comparison = pair.comparison
    difference = comparison.difference
    return {
        "corpus": pair.corpus.name,
        "verdict": pair.verdict,
        "model_bits_per_byte": pair.model_rate,
        "baseline_bits_per_byte": pair.baseline_rate,
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "relative": pair.relative,
        "p": difference.p,
        "adjusted_p": comparison.adjusted_p,
        "margin": pair.margin,
        "documents": pair.units.documents,
        "wins": comparison.wins,
        "losses": comparison.losses,
        "effective_units": pair.units.effective,
        "are_blocks": pair.units.are_blocks,
        "detectable": comparison.detectable,
        "bytes_needed": pair.bytes_needed,
        "is_trained_differently": pair.is_trained_differently,
    }


def _refusal_entries(refusal: Refusal) -> dict[str, object]:
    return {"corpus": refusal.corpus, "verdict": "refused", "reason": refusal.reason}


def _change_entries(change: Change) -> dict[str, object]:
    return {"kind": change.kind, "name": change.name, "before": change.before, "after": change.after}
