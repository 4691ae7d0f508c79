"""Comparisons of task cells: tables for the terminal, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lmbench.analysis.task_comparison import ComparedTasks, TaskPair
from lmbench.report.comparison import show_p
from lmbench.report.comparison_notes import list_refusals, name_rows
from lmbench.report.contents import NONE, Column, Contents
from lmbench.report.digits import choose_decimals, show_fixed
from lmbench.report.task_numbers import find_scale
from lmbench.statistics import FEWEST_EFFECTIVE

_TEST = (Column("low"), Column("high"), Column("p"), Column("wins"), Column("verdict", "left"))
_LEGEND = (
    "first, second: shares in %, scores from 0 to 100, and bits as they are",
    "p: of the exact paired test of no difference",
    "wins: items that the first answers better, and those that the second does",
)


def build_model_tables(compared: ComparedTasks) -> list[Contents]:
    """Return a table of two models for each task, with a row for each metric. The last one has the legend."""
    tasks: dict[str, list[TaskPair]] = {}
    for pair in compared.pairs:
        tasks.setdefault(pair.task, []).append(pair)
    tables = [_build_model_table(pairs) for pairs in tasks.values()]
    if tables:
        legend = (*_LEGEND, "diff., low, high: first less second, and the ends of its paired 95 % interval")
        tables[-1] = replace(tables[-1], legend=legend, notes=(*tables[-1].notes, *list_refusals(compared.refusals)))
    return tables


def _build_model_table(pairs: Sequence[TaskPair]) -> Contents:
    first = pairs[0]
    return Contents(
        f"{first.model} and {first.baseline} on {first.task}: {first.units.documents:,} items",
        (Column("metric", "left"), Column("first"), Column("second"), Column("diff."), *_TEST),
        tuple((pair.metric.name, *_show_numbers(pair, 0)) for pair in pairs),
        (),
        tuple(_describe_few(pairs)),
    )


def build_run_table(compared: ComparedTasks) -> Contents | None:
    """Return the table of two runs: the rows of tasks that have other numbers; None if there are none."""
    different = [pair for pair in compared.pairs if not pair.is_same]
    if not different:
        return None
    return Contents(
        "Tasks: rows with other numbers",
        (
            Column("model", "left"), Column("task", "left"), Column("metric", "left"), Column("first"),
            Column("second"), Column("change"), *_TEST,
        ),
        tuple((pair.model, pair.task, pair.metric.name, *_show_numbers(pair, 1)) for pair in different),
        (
            _LEGEND[0],
            f"{_LEGEND[1]}, corrected for these rows of a task and metric by Holm's method",
            "wins: items that the second answers better, and those that the first does",
            "change, low, high: second less first, and the ends of its paired 95 % interval",
        ),
        tuple(_describe_few(different)),
    )  # fmt: skip


def summarize_task_runs(compared: ComparedTasks) -> list[str]:
    """Return sentences on how many rows of tasks are the same, and which were not compared."""
    pairs = compared.pairs
    sentences = (
        [f"{sum(pair.is_same for pair in pairs)} of {len(pairs)} figures on tasks are the same."] if pairs else []
    )
    for name, rows in (("first", compared.only_before), ("second", compared.only_after)):
        if rows:
            sentences.append(f"Only in the {name} run: {name_rows(rows)}.")
    return [*sentences, *list_refusals(compared.refusals)]


def format_tasks(compared: ComparedTasks) -> list[str]:
    """Return the comparisons as JSON objects, one for each task, model and metric. Those that are refused come last."""
    rows: list[dict[str, object]] = [_list_numbers(pair) for pair in compared.pairs]
    rows += [
        {"model": refusal.model, "task": refusal.corpus, "verdict": "refused", "reason": refusal.reason}
        for refusal in compared.refusals
    ]
    for verdict, found in (("only in first", compared.only_before), ("only in second", compared.only_after)):
        rows += [{"model": label, "task": task, "verdict": verdict} for task, label in found]
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def _show_numbers(pair: TaskPair, first: int) -> tuple[str, ...]:
    """Return the values, the difference, its interval and test, and the verdict.

    Args:
        pair: The comparison.
        first: Which of its values is shown first: 0 for that of the model.
    """
    difference, scale = pair.comparison.difference, find_scale(pair.metric)
    decimals = choose_decimals([difference]) if pair.metric.unit == "bits" else 1
    shown = [pair.values[first], pair.values[1 - first], difference.value, difference.low, difference.high]
    p = pair.comparison.adjusted_p
    return (
        *(NONE if value is None else show_fixed(scale * value, decimals) for value in shown),
        NONE if p is None else show_p(p),
        f"{pair.comparison.wins}:{pair.comparison.losses}",
        pair.verdict,
    )


def _describe_few(pairs: Iterable[TaskPair]) -> Iterator[str]:
    names = dict.fromkeys(pair.task for pair in pairs if pair.verdict == "too few")
    if names:
        yield f"Too few items for a verdict, which takes {FEWEST_EFFECTIVE:g}: {', '.join(names)}."


def _list_numbers(pair: TaskPair) -> dict[str, object]:
    comparison = pair.comparison
    difference = comparison.difference
    return {
        "model": pair.model,
        "baseline": pair.baseline,
        "task": pair.task,
        "metric": pair.metric.name,
        "verdict": pair.verdict,
        "model_value": pair.values[0],
        "baseline_value": pair.values[1],
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "adjusted_p": comparison.adjusted_p,
        "items": pair.units.documents,
        "wins": comparison.wins,
        "losses": comparison.losses,
    }
