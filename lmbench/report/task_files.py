"""tasks.csv and tasks.parquet: all numbers of a run's tasks, unrounded, one row for each task, model and metric."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from lmbench.analysis.task_ranking import MetricRanking, TaskEntry, TaskRanking
from lmbench.report import csv_files, parquet_files
from lmbench.report.ranked_run import RankedRun
from lmbench.runs.records import Cell
from lmbench.statistics import Comparison

COLUMNS = (
    "task", "model", "train_size", "status", "metric", "unit", "value", "low", "high", "standard_error", "items",
    "chance", "to_chance", "rank", "tied", "letters", "to_best", "to_best_low", "to_best_high", "to_best_p",
    "to_best_holm_p", "baseline", "to_baseline", "to_baseline_low", "to_baseline_high", "to_baseline_p",
    "to_baseline_holm_p", "seeds", "seed_sd", "pretrained", "unverified", "training", "overlap", "fit_seconds",
    "score_seconds", "peak_bytes", "parameters", "remarks", "signature", "error",
)  # fmt: skip
"""The columns of tasks.csv."""


def format_csv(results: RankedRun) -> str:
    """Return tasks.csv. An entry is empty if the row does not have the number."""
    return csv_files.format_rows(COLUMNS, list_task_rows(results))


def format_parquet(results: RankedRun) -> bytes:
    """Return tasks.parquet: the rows of tasks.csv with the types of their columns."""
    return parquet_files.format_rows(COLUMNS, list_task_rows(results))


def list_task_rows(results: RankedRun) -> list[dict[str, object]]:
    """Return the rows of tasks.csv: the seeds of a model are one row, and a failed cell is one without a metric."""
    return [
        dict.fromkeys(COLUMNS) | row
        for ranking in results.tasks
        for row in (*_list_ranked(results, ranking), *_list_others(results, ranking))
    ]


def _list_ranked(results: RankedRun, ranking: TaskRanking) -> Iterator[dict[str, object]]:
    for metric in ranking.metrics:
        to_baseline = metric.compare_with(results.baseline or "")
        for entry in metric.entries:
            yield (
                _describe_cells(results, ranking, entry.cells)
                | _list_value(metric, entry)
                | _list_difference("to_best", entry.to_best)
                | _list_difference("to_baseline", to_baseline.get(entry.label))
                | {
                    "model": entry.name,
                    "items": ranking.task.items,
                    "baseline": results.baseline if to_baseline else None,
                }
            )


def _list_others(results: RankedRun, ranking: TaskRanking) -> Iterator[dict[str, object]]:
    """Yield the figures of models that are not ranked by them, and the cells that failed."""
    ranked = {
        (metric.metric.name, cell.row.slot) for metric in ranking.metrics for e in metric.entries for cell in e.cells
    }
    units = {metric.metric.name: metric.metric.unit for metric in ranking.metrics}
    for cell in results.cells_of_task(ranking):
        shared = _describe_cells(results, ranking, (cell,)) | {"model": cell.model, "seeds": 1}
        for figure in cell.figures:
            if (figure.metric, cell.row.slot) not in ranked:
                number = {"metric": figure.metric, "unit": units[figure.metric], "value": figure.value}
                yield shared | number | {"items": figure.items}
        if cell.status != "ok":
            yield shared


def _describe_cells(results: RankedRun, ranking: TaskRanking, cells: tuple[Cell, ...]) -> dict[str, object]:
    """Return what the rows of all metrics of a model have in common. Costs are means over the seeds."""
    first, marks = cells[0], results.marks
    costs = [cell.costs for cell in cells if cell.costs]
    fits = [each.fit_seconds for each in costs if each.fit_seconds is not None]
    peaks = [each.peak_bytes for each in costs if each.peak_bytes is not None]
    return {
        "task": ranking.task.name,
        "train_size": first.train_size,
        "status": first.status,
        "pretrained": any(map(marks.is_pretrained, cells)),
        "unverified": "; ".join(dict.fromkeys(filter(None, map(marks.doubt, cells)))),
        "training": ranking.task.training_name,
        "overlap": ranking.task.overlap,
        "fit_seconds": fmean(fits) if fits else None,
        "score_seconds": fmean(each.score_seconds for each in costs) if costs else None,
        "peak_bytes": fmean(peaks) if peaks else None,
        "parameters": costs[0].parameters if costs else None,
        "remarks": "; ".join(dict.fromkeys(remark for cell in cells for remark in cell.remarks)),
        "signature": "; ".join(dict.fromkeys(cell.signature for cell in cells)),
        "error": first.error,
    }


def _list_value(ranking: MetricRanking, entry: TaskEntry) -> dict[str, object]:
    metric, value = ranking.metric, entry.value
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "standard_error": value.error,
        "chance": metric.chance,
        "to_chance": entry.to_chance,
        "rank": entry.rank,
        "tied": None if entry.rank is None else entry.is_tied,
        "letters": entry.letters,
        "seeds": len(entry.cells),
        "seed_sd": entry.seed_deviation,
    }


def _list_difference(name: str, pair: Comparison | None) -> dict[str, object]:
    if pair is None:
        return {}
    difference = pair.difference
    return {
        name: difference.value,
        f"{name}_low": difference.low,
        f"{name}_high": difference.high,
        f"{name}_p": difference.p,
        f"{name}_holm_p": pair.adjusted_p,
    }
