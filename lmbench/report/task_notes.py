"""Sentences below the table of a task: chance, certainty, contamination, seeds, and what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from lmbench.analysis.task_ranking import MetricRanking, TaskRanking
from lmbench.report.ranked_run import RankedRun
from lmbench.report.task_numbers import name_points, show_value, show_with_unit
from lmbench.runs.records import Cell
from lmbench.statistics import FEWEST_EFFECTIVE

_ENDINGS = {"unavailable": "is unavailable", "failed": "failed"}
_UNKNOWN_TEXT = "† What pretrained models have read is not known, and may include the items."


def describe_task(results: RankedRun, ranking: TaskRanking) -> Iterator[str]:
    """Yield what must be known about the numbers of a task."""
    yield from _describe_certainty(ranking.main)
    yield from _describe_seeds(ranking.main)
    cells = results.cells_of_task(ranking)
    yield from _describe_overlap(results, ranking)
    yield from results.marks.notes(cells)
    if any(map(results.marks.is_pretrained, cells)):
        yield _UNKNOWN_TEXT
    yield from _describe_partial(ranking, cells)
    if ranking.task.note:
        yield ranking.task.note
    yield from (f"{cell.label} {_ENDINGS[cell.status]}: {cell.error}" for cell in cells if cell.error)
    if missing := [row.label for row in results.missing_tasks if row.corpus == ranking.task.name]:
        stored = f"{len(cells)} of {len(cells) + len(missing)} cells are stored."
        yield f"{stored} Missing or damaged: {', '.join(missing)}. `lmbench run` evaluates them."


def _describe_partial(ranking: TaskRanking, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield which models do not have a rank by some metrics, since they did not answer all items."""
    for cell in cells:
        parts = [figure for figure in cell.figures if figure.items < ranking.task.items]
        if parts:
            counts = ", ".join(
                f"{figure.metric} ({figure.items:,} of {ranking.task.items:,} items)" for figure in parts
            )
            yield f"{cell.label} is not ranked by metrics that some items lack: {counts}."


def explain_metrics(ranking: TaskRanking) -> Iterator[str]:
    """Yield what guessing gives by each metric, if it is known."""
    levels: dict[str, list[str]] = {}
    for one in ranking.metrics:
        if one.metric.chance is not None and one.entries:
            levels.setdefault(show_with_unit(one.metric.chance, one), []).append(one.metric.name)
    if len(levels) == 1:
        yield f"Guessing gives {next(iter(levels))}."
    elif levels:
        each = (f"{level} by {', '.join(names)}" for level, names in levels.items())
        yield f"Guessing gives {'; '.join(each)}."


def describe_overlap(share: float | None) -> str:
    """Return the share of items that are in the training text: "0.0 %"; "" if it was not measured."""
    return "" if share is None else f"{100 * share:.1f} %"


def _describe_certainty(main: MetricRanking) -> Iterator[str]:
    """Yield what was resampled, and which difference it shows."""
    units = main.units
    if units is None:
        return
    if units.are_blocks:
        yield f"Items about the same text depend on each other: its {len(units.sizes):,} texts were resampled."
    if units.are_too_few:
        counted = f"{units.effective:.1f}" if units.are_blocks else f"{len(units.sizes)}"
        yield f"The items count as {counted}: too few to rank models, which takes {FEWEST_EFFECTIVE:g}."
        return
    found = [pair.detectable for pair in main.comparisons if pair.first == 0 and pair.detectable is not None]
    if found and median(found) > 0:
        yield (
            f"These items show a difference to the best of {show_value(median(found), main)} "
            f"{name_points(main.metric)} with a probability of 80 % (median over models)."
        )


def _describe_overlap(results: RankedRun, ranking: TaskRanking) -> Iterator[str]:
    """Yield how many items are in the training text, if a model was fitted on it."""
    share = describe_overlap(ranking.task.overlap)
    if share and not all(map(results.marks.is_pretrained, results.cells_of_task(ranking))):
        yield f"Overlap: {share} of the items with 13 words or more share 13 in a row with the training text."


def _describe_seeds(main: MetricRanking) -> Iterator[str]:
    if any(entry.has_one_seed for entry in main.entries):
        yield "§ Trained with one seed: intervals do not include the variance of training. --seeds 5 measures it."
    several = [
        f"{entry.label} {show_value(entry.seed_deviation, main)} ({len(entry.cells)} seeds)"
        for entry in main.entries
        if entry.seed_deviation is not None
    ]
    if several:
        yield f"Standard deviation of {main.metric.name} between seeds: {', '.join(several)}."
    if untuned := [f"{entry.label} ({', '.join(entry.untuned)})" for entry in main.entries if entry.untuned]:
        yield f"Options not tuned: {', '.join(untuned)}. With --tune, the validation split chooses them."
