"""The table of each task: its models, ranked by the first metric; and all models on all tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lmbench.analysis.ranking import Seeds
from lmbench.analysis.task_ranking import MetricRanking, TaskEntry, TaskRanking
from lmbench.report import costs
from lmbench.report.contents import NONE, Column, Contents, join_columns
from lmbench.report.ranked_run import RankedRun, name_entry, show_rank
from lmbench.report.task_notes import describe_task, explain_metrics
from lmbench.report.task_numbers import name_points, name_unit, shorten, show_change, show_ends, show_value
from lmbench.runs.records import Cell

RESULTS = 6
"""The first columns of a task's table: rank, model, value, interval, difference to the best, and place to chance."""

_RANK_LEGEND = "rank: 1 + the number of better models; = if another one does not differ"
_DIFFER_LEGEND = "differ: p < 0.05 in the exact paired test, with Holm's correction"
_INTERVAL_LEGEND = "95 % CI: interval, if other items of this kind were asked"
_CHANCE_LEGEND = "chance: whether the interval lies above or below what guessing gives; ≈ if it includes it"
_GROUP_LEGEND = "group: models that share a letter do not differ by more than chance"
_TO_CHANCE = {"above": "above", "below": "below", "not shown": "≈", None: NONE}
_DIRECTIONS = {True: "higher is better", False: "lower is better"}


def list_task_tables(results: RankedRun) -> list[Contents]:
    """Return the table of each task, and then that of all tasks if there are several."""
    tables = [build_task_table(results, ranking) for ranking in results.tasks]
    together = build_tasks_table(results)
    return [*tables, together] if together else tables


def build_task_table(results: RankedRun, ranking: TaskRanking) -> Contents:
    """Return the table of a task: ranked models, then those that failed."""
    main, others = ranking.main, ranking.others
    cells = results.cells_of_task(ranking)
    headings = [shorten(other.metric, main.metric) for other in others]
    numbers = (main.metric.name, "95 % CI", "to best", "chance", *headings, *costs.HEADINGS)
    rows = [_show_entry(results, ranking, entry) for entry in main.entries]
    rows += [_show_failed(cell, len(numbers) + 1) for cell in cells if cell.status != "ok"]
    return Contents(
        title=_show_title(ranking),
        columns=(Column("rank"), Column("model", "left"), *map(Column, numbers), Column("group", is_optional=True)),
        rows=tuple(rows),
        legend=tuple(_explain(main, others, cells)),
        notes=(*explain_metrics(ranking), *describe_task(results, ranking)),
        details=tuple(results.marks.describe_changes(cells)),
        best=tuple(number for number, entry in enumerate(main.entries) if entry.is_best),
    )


def build_tasks_table(results: RankedRun) -> Contents | None:
    """Return the values of all models on all tasks; None if there are fewer than two tasks."""
    if len(results.tasks) < 2:
        return None
    rows = join_columns([_list_values(results, ranking) for ranking in results.tasks], NONE)
    return Contents(
        title="All models on all tasks",
        columns=(Column("model", "left"), *(Column(ranking.task.name) for ranking in results.tasks)),
        rows=tuple((name, *values) for name, values in rows),
        legend=(_GROUP_LEGEND.replace("group:", "letters:").replace("models", "models of a column"),),
        notes=(f"Measures: {_list_measures(results)}. There is no mean over tasks: their choice would decide it.",),
    )


def _show_entry(results: RankedRun, ranking: TaskRanking, entry: TaskEntry) -> tuple[str, ...]:
    main = ranking.main
    return (
        show_rank(entry) or NONE,
        results.marks.label(name_entry(entry), entry.cells) + " §" * entry.has_one_seed,
        show_value(entry.value.value, main),
        show_ends(entry.value, main),
        show_change(entry.to_best.difference, main) if entry.to_best else NONE,
        _TO_CHANCE[entry.to_chance],
        *(_show_other(other, entry) for other in ranking.others),
        *costs.show_costs(entry.cells),
        entry.letters or NONE,
    )


def _show_other(other: MetricRanking, model: Seeds) -> str:
    entry = other.find(model)
    return show_value(entry.value.value if entry else None, other)


def _show_failed(cell: Cell, others: int) -> tuple[str, ...]:
    return ("", f"{cell.label} ({cell.status})", *[""] * others)


def _show_title(ranking: TaskRanking) -> str:
    task = ranking.task
    items = "1 item" if task.items == 1 else f"{task.items:,} items"
    trained = f", models trained on {task.training_name}" if task.training_name else ""
    return f"{task.name}: {items}, {task.kind.replace('-', ' ')}{trained}"


def _explain(main: MetricRanking, others: Sequence[MetricRanking], cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the meanings of the headings."""
    yield from (_RANK_LEGEND, _DIFFER_LEGEND)
    metric = main.metric
    yield (
        f"{metric.name}: {name_unit(metric)}, {metric.description}; rows are ranked by it, "
        f"{_DIRECTIONS[metric.higher_is_better]}"
    )
    yield _INTERVAL_LEGEND
    yield f"to best: {name_points(metric)} from the best, on the same items, with its 95 % CI"
    yield _CHANCE_LEGEND
    for other in others:
        heading = shorten(other.metric, metric)
        name = "" if heading == other.metric.name else f"{other.metric.name}, "
        yield f"{heading}: {name}{name_unit(other.metric)}, {other.metric.description}"
    yield from (*costs.LEGEND, _GROUP_LEGEND, *costs.explain_marks(cells))


def _list_values(results: RankedRun, ranking: TaskRanking) -> dict[str, str]:
    """Return the value and the letters of each model on a task, by its name; or why it does not have one."""
    return {
        name: found.status
        if isinstance(found, Cell)
        else f"{show_value(found.value.value, ranking.main)} {found.letters}".rstrip()
        for name, found in results.models_of_task(ranking).items()
    }


def _list_measures(results: RankedRun) -> str:
    """Return the main metric of each task: "accuracy (in %)", or with its tasks if there are several."""
    tasks: dict[str, list[str]] = {}
    for ranking in results.tasks:
        metric = ranking.main.metric
        tasks.setdefault(f"{metric.name} ({name_unit(metric)})", []).append(ranking.task.name)
    if len(tasks) == 1:
        return next(iter(tasks))
    return "; ".join(f"{measure} of {', '.join(names)}" for measure, names in tasks.items())
