"""The section of the tasks: all models on all tasks, the table and the groups of each, and items that divide models."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lmbench.analysis.task_ranking import (
    Breakdown,
    MetricRanking,
    TaskEntry,
    TaskRanking,
    break_down,
    list_disagreements,
    list_groups,
)
from lmbench.chart import Axis, Chart, Level, Points
from lmbench.errors import ResultsError
from lmbench.report.contents import NONE, Contents, join_columns
from lmbench.report.literature import build_task_literature, find_published
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.page.matrices import Item, Matrix
from lmbench.report.ranked_run import RankedRun, name_entry, show_rank
from lmbench.report.task_notes import describe_overlap
from lmbench.report.task_numbers import find_scale, name_unit, show_ends, show_value
from lmbench.report.task_plot import draw_task, scale_end
from lmbench.report.task_tables import build_task_table
from lmbench.runs.records import Cell, TaskRecord
from lmbench.statistics import Estimate
from lmbench.tasks.task import Item as Question

_MOST_ITEMS = 10
_MOST_CHARTED = 20  # groups of a chart
_MOST_MODELS = 5  # of a chart, beside published ones
_LONGEST = 500  # characters of a text that is shown
_ABSENT = Item(NONE)
_OVERVIEW = (
    "Letters are rank groups: models that share one in a column do not differ by more than chance. The best model and "
    "those that do not differ from it are bold, on a tinted ground; ○: not shown to be better than guessing.",
    "There is no mean over the columns: the choice of the tasks would decide it.",
)


@dataclass(frozen=True, slots=True)
class ShownChoice:
    """A choice of an item.

    Attributes:
        text: Its text.
        is_right: Whether it is the right one.
        models: The models that find it the likeliest.
    """

    text: str
    is_right: bool
    models: str


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item with the answers of the models.

    Attributes:
        title: Its identity and its groups.
        context: What stands before each choice, without examples.
        choices: The choices.
        references: The texts that written answers are compared with.
        texts: What models wrote, each with the models that did.
    """

    title: str
    context: str
    choices: Sequence[ShownChoice]
    references: str
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TaskSection:
    """A task on the page.

    Attributes:
        anchor: The name of the section in links.
        name: The name of the task.
        description: A few words about it.
        facts: Names and values.
        table: The ranked table, with warnings as its notes.
        figures: The values of all models, and those on the groups of its items if they are few enough for a chart.
        groups: The values on all groups of each name.
        published: Figures from the literature; None if there are none.
        items: The items on which the models differ most.
        note: Why items are not shown; "" if they are.
    """

    anchor: str
    name: str
    description: str
    facts: Sequence[tuple[str, str]]
    table: Contents
    figures: Sequence[Figure]
    groups: Sequence[Matrix]
    published: Contents | None
    items: Sequence[ShownItem]
    note: str


@dataclass(frozen=True, slots=True)
class TasksSection:
    """The tasks of a run.

    Attributes:
        overview: All models on all tasks.
        tasks: The section of each task.
    """

    overview: Matrix
    tasks: Sequence[TaskSection]


def describe_tasks(results: RankedRun) -> TasksSection | None:
    """Return the section of the tasks; None for a run without any."""
    if not results.tasks:
        return None
    sections = [_describe(results, ranking, f"task-{number}") for number, ranking in enumerate(results.tasks, start=1)]
    return TasksSection(_build_overview(results), sections)


def _build_overview(results: RankedRun) -> Matrix:
    return Matrix(
        title="All models on all tasks",
        corner="model",
        columns=[_head(ranking) for ranking in results.tasks],
        rows=join_columns([_list_items(results, ranking) for ranking in results.tasks], _ABSENT),
        legend=_OVERVIEW,
    )


def _head(ranking: TaskRanking) -> str:
    """Return the heading of a task: its name, its measure and what guessing gives."""
    main = ranking.main
    chance = "" if main.metric.chance is None else f", guessing {show_value(main.metric.chance, main)}"
    return f"{ranking.task.name}: {main.metric.name} {name_unit(main.metric)}{chance}"


def _list_items(results: RankedRun, ranking: TaskRanking) -> Mapping[str, Item]:
    return {
        name: Item(found.status, hint=found.error) if isinstance(found, Cell) else _show_entry(results, ranking, found)
        for name, found in results.models_of_task(ranking).items()
    }


def _show_entry(results: RankedRun, ranking: TaskRanking, entry: TaskEntry) -> Item:
    main = ranking.main
    marks = results.marks.label("", entry.cells).strip()
    ends = show_ends(entry.value, main)
    guess = "○" if entry.to_chance in ("not shown", "below") else ""
    rank = f"rank {show_rank(entry)}" if entry.rank is not None else "no rank is claimed"
    return Item(
        text=show_value(entry.value.value, main),
        note=" ".join(filter(None, ["" if ends == NONE else f"[{ends}]", entry.letters, guess, marks])),
        hint=f"{rank}; {_describe_reading(results, ranking, entry)}",
        tone="best" * entry.is_best,
    )


def _describe_reading(results: RankedRun, ranking: TaskRanking, entry: TaskEntry) -> str:
    """Return what is known of the items in what a model has read."""
    if any(map(results.marks.is_pretrained, entry.cells)):
        return "what it has read is not known"
    overlap = describe_overlap(ranking.task.overlap)
    return (
        f"{overlap} of the items with 13 words or more share 13 in a row with its training text"
        if overlap
        else "no item has 13 words in a row, by which overlap with its training text is measured"
    )


def _describe(results: RankedRun, ranking: TaskRanking, anchor: str) -> TaskSection:
    found = [break_down(ranking, name) for name in list_groups(ranking) if ranking.main.units]
    items, note = _show_items(results, ranking)
    return TaskSection(
        anchor=anchor,
        name=ranking.task.name,
        description=ranking.task.description,
        facts=list(_list_facts(ranking.task)),
        table=build_task_table(results, ranking),
        figures=list(map(make_figure, _list_charts(ranking, found))),
        groups=[_build_groups(ranking, each) for each in found],
        published=build_task_literature(ranking),
        items=items,
        note=note,
    )


def _list_charts(ranking: TaskRanking, found: Sequence[Breakdown]) -> Iterator[Chart]:
    """Yield the chart of the models, and those of the groups if these are few enough."""
    if chart := draw_task(ranking):
        yield chart
    yield from (_draw(ranking, each) for each in found if len(each.groups) <= _MOST_CHARTED)


def _list_facts(task: TaskRecord) -> Iterator[tuple[str, str]]:
    yield "Items", f"{task.items:,}, {task.kind.replace('-', ' ')}"
    yield "Training text", f"{task.training_name or 'none'}, {task.train_bytes:,} bytes"
    yield "Items that share 13 words in a row with it", describe_overlap(task.overlap) or "–"
    yield from ((name, value) for name, value in (("License", task.license), ("Source", task.citation)) if value)


def _draw(ranking: TaskRanking, found: Breakdown) -> Chart:
    """Return the chart of the groups of a name: the best models, what guessing gives, and published figures."""
    entries = ranking.main.entries[:_MOST_MODELS]
    scale = find_scale(found.metric)
    series = [
        Points(
            name_entry(entry),
            x=tuple(scale * estimate.value for estimate in found.values[entry.label]),
            y=found.groups,
            low=tuple(scale_end(estimate.low, scale) for estimate in found.values[entry.label]),
            high=tuple(scale_end(estimate.high, scale) for estimate in found.values[entry.label]),
        )
        for entry in entries
    ]
    published = find_published(ranking, found.name)
    for model in _choose_published(published):
        places = tuple(group for group in found.groups if model in published[group])
        series.append(Points(f"{model} (published)", tuple(published[group][model] for group in places), places))
    chance = found.metric.chance
    more = f" The best {len(entries)} of {len(ranking.main.entries)} models are shown." * (
        len(entries) < len(ranking.main.entries)
    )
    return Chart(
        title=f"{ranking.task.name} by {found.name}",
        description=f"{found.metric.name} on the items of each {found.name}, with 95 % intervals.{more}",
        x=Axis(found.metric.name, name_unit(found.metric)),
        y=Axis("", scale="categories", categories=found.groups),
        series=tuple(series),
        levels=() if chance is None else (Level("guessing", scale * chance),),
    )


def _build_groups(ranking: TaskRanking, found: Breakdown) -> Matrix:
    """Return the values of all models on each group, and published figures."""
    main, published = ranking.main, find_published(ranking, found.name)
    names = list(dict.fromkeys(name for values in published.values() for name in values))
    best = {number: _find_best(main, found, number) for number in range(len(found.groups))}
    rows = [
        (
            f"{group} ({size:,})",
            [
                *(_show_group(main, found.values[entry.label][number], best[number]) for entry in main.entries),
                *(_show_published(published.get(group, {}).get(name)) for name in names),
            ],
        )
        for number, (group, size) in enumerate(zip(found.groups, found.sizes, strict=True))
    ]
    return Matrix(
        title=f"{ranking.task.name} by {found.name}: {main.metric.name}, {name_unit(main.metric)}",
        corner=f"{found.name} (items)",
        columns=[*(name_entry(entry) for entry in main.entries), *(f"{name} (published)" for name in names)],
        rows=rows,
        legend=("The largest value of the run on each group is bold. Pointing at a value shows its 95 % interval.",),
    )


def _find_best(main: MetricRanking, found: Breakdown, number: int) -> float:
    values = [found.values[entry.label][number].value for entry in main.entries]
    return max(values) if main.metric.higher_is_better else min(values)


def _show_group(main: MetricRanking, estimate: Estimate, best: float) -> Item:
    tone = "best" if estimate.value == best else ""
    return Item(show_value(estimate.value, main), hint=show_ends(estimate, main), tone=tone)


def _show_published(value: float | None) -> Item:
    return _ABSENT if value is None else Item(f"{value:.1f}")


def _choose_published(published: Mapping[str, Mapping[str, float]]) -> Collection[str]:
    """Return the names of published models that a chart shows: the first, and the last two."""
    names = list(dict.fromkeys(name for values in published.values() for name in values))
    return names if len(names) <= 3 else (names[0], *names[-2:])


def _show_items(results: RankedRun, ranking: TaskRanking) -> tuple[list[ShownItem], str]:
    """Return the items on which the models differ most, and why there are none; "" if there are some."""
    numbers = list_disagreements(ranking, _MOST_ITEMS)
    if not numbers:
        return [], ""
    try:
        task = results.questions.find(ranking.task.name, ranking.answers.ids)
    except ResultsError as error:
        return [], f"Items are not shown: {error}."
    return [_show_item(ranking, task.items[number], number) for number in numbers], ""


def _show_item(ranking: TaskRanking, item: Question, number: int) -> ShownItem:
    cells = [(entry, entry.cells[0]) for entry in ranking.main.entries]
    groups = ", ".join(f"{name} {value}" for name, value in item.groups)
    return ShownItem(
        title=f"{item.id} ({groups})" if groups else item.id,
        context=_cut_start(item.context),
        choices=[
            ShownChoice(_cut(choice), place == item.gold, _name_choosers(ranking, cells, number, place))
            for place, choice in enumerate(item.choices)
        ],
        references="" if item.choices else _cut(" / ".join(item.references)),
        texts=_group_texts(ranking, cells, number),
    )


def _name_choosers(ranking: TaskRanking, cells: Sequence[tuple[TaskEntry, Cell]], number: int, place: int) -> str:
    return ", ".join(name_entry(entry) for entry, cell in cells if ranking.answers.find_choices(cell)[number] == place)


def _group_texts(
    ranking: TaskRanking, cells: Sequence[tuple[TaskEntry, Cell]], number: int
) -> Sequence[tuple[str, str]]:
    """Return what models wrote for an item, each text once, with the models that wrote it."""
    texts: dict[str, list[str]] = {}
    for entry, cell in cells:
        text = ranking.answers.find_texts(cell)[number]
        if text is not None:
            texts.setdefault(_cut(text), []).append(name_entry(entry))
    return [(text, ", ".join(names)) for text, names in texts.items()]


def _cut_start(text: str) -> str:
    """Return the end of a context, where the question is."""
    return text if len(text) <= _LONGEST else f"({len(text) - _LONGEST:,} characters before) … {text[-_LONGEST:]}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"
