"""The ranking of one task of a run by each of its metrics: which models answer better than which, and than chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lmbench.analysis.questions import Questions
from lmbench.analysis.ranking import Seeds, Standing, group_seeds
from lmbench.analysis.task_answers import CONTEXT, Answers, read_answers
from lmbench.analysis.task_texts import WrittenTexts
from lmbench.arrays import Floats
from lmbench.errors import ResultsError
from lmbench.runs.records import MetricRecord, TaskRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import (
    Comparison,
    Estimate,
    Units,
    compare_values,
    estimate_values,
    find_differing,
    find_letters,
    find_ranks,
    have_exact_interval,
    join_items,
)
from lmbench.statistics.pairs import adjust_holm
from lmbench.tasks.task import Task

_ROUNDING = 1e-9  # of two means that are the same

ToChance = Literal["above", "below", "not shown"]


@dataclass(frozen=True, slots=True)
class TaskEntry(Standing):
    """A model in the ranking of a task by a metric.

    Attributes:
        value: The value of the metric, the mean over the seeds.
        is_exact: Whether its interval is that of Clopper and Pearson.
        to_chance: Whether the interval lies above or below what guessing gives; None if one of them is not known.
    """

    value: Estimate
    is_exact: bool = False
    to_chance: ToChance | None = None


@dataclass(frozen=True, slots=True)
class MetricRanking:
    """The models of a run on a task, by one metric.

    Attributes:
        metric: The metric.
        units: What was resampled; None if no model has numbers, or if a library computes the metric from all texts.
        entries: The models that have the metric for every item, from best to worst.
        comparisons: The comparison of each entry with each later one, by their numbers in `entries`. The difference is
            the value of the first less that of the second.
    """

    metric: MetricRecord
    units: Units | None
    entries: tuple[TaskEntry, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def is_claimed(self) -> bool:
        """Whether the models are ranked: there are enough items."""
        return any(entry.rank is not None for entry in self.entries)

    def find(self, model: Seeds) -> TaskEntry | None:
        """Return the entry of a model in another metric's ranking; None if it does not have this metric."""
        return next((entry for entry in self.entries if entry.cells == model.cells), None)

    def compare_with(self, label: str) -> Mapping[str, Comparison]:
        """Return the comparison of each other entry with that of a label, by their labels; empty without it."""
        labels = [entry.label for entry in self.entries]
        if label not in labels:
            return {}
        number = labels.index(label)
        pairs = [pair for pair in self.comparisons if number in (pair.first, pair.second)]
        turned = (pair if pair.second == number else pair.reversed() for pair in pairs)
        return {labels[pair.first]: pair for pair in turned}


@dataclass(frozen=True, slots=True)
class TaskRanking:
    """The models of a run on a task.

    Attributes:
        task: The task.
        answers: What the models answered.
        metrics: A ranking for each metric of the task.
    """

    task: TaskRecord
    answers: Answers
    metrics: tuple[MetricRanking, ...]

    @property
    def main(self) -> MetricRanking:
        """The ranking by the first metric that a model has."""
        return next((metric for metric in self.metrics if metric.entries), self.metrics[0])

    @property
    def others(self) -> tuple[MetricRanking, ...]:
        """The rankings by the other metrics that a model has."""
        return tuple(metric for metric in self.metrics if metric.entries and metric is not self.main)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The value of a metric on the groups of a task's items.

    Attributes:
        name: What the groups are, such as "paradigm".
        metric: The metric.
        groups: The groups, in the order of the items.
        sizes: The number of items of each group.
        values: Of each model, by label, the value on each group.
    """

    name: str
    metric: MetricRecord
    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    values: Mapping[str, tuple[Estimate, ...]]


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of all models, by a metric.

    Attributes:
        metric: The metric.
        models: The models, from best to worst.
        values: The values of each model, (seeds, items).
        units: What is resampled.
    """

    metric: MetricRecord
    models: tuple[Seeds, ...]
    values: tuple[Floats, ...]
    units: Units

    @property
    def are_shares(self) -> bool:
        return self.metric.unit == "share"

    def estimate(self) -> tuple[Estimate, ...]:
        return estimate_values(self.values, self.units, self.are_shares)


def rank_task(directory: RunDirectory, task: TaskRecord, questions: Questions | None = None) -> TaskRanking:
    """Return the ranking of the models on a task of a run, by each metric.

    Args:
        directory: The run.
        task: The task.
        questions: The items of the tasks, for the intervals of metrics of all texts; None to leave these out.

    Raises:
        ResultsError: The cells of the task have different items.
    """
    answers = read_answers(directory, task)
    models = group_seeds(directory.manifest, answers.cells)
    found = _find_task(answers, questions)
    return TaskRanking(
        task,
        answers,
        tuple(
            _rank_texts(answers, models, metric, found) if metric.corpus else _rank(answers, models, metric)
            for metric in task.metrics
        ),
    )


def break_down(ranking: TaskRanking, name: str) -> Breakdown:
    """Return the values of the main metric on the groups of a name, such as "paradigm".

    Raises:
        ResultsError: The items do not have such groups.
    """
    answers, main = ranking.answers, ranking.main
    if name not in answers.groups:
        raise ResultsError(f"the items of {ranking.task.name} do not have groups named {name}")
    members: dict[str, list[int]] = {}
    for number, group in enumerate(answers.groups[name]):
        members.setdefault(group, []).append(number)
    found = [_select(answers, main, items) for items in members.values()]
    columns = zip(*(values.estimate() for values in found), strict=True)
    return Breakdown(
        name=name,
        metric=main.metric,
        groups=tuple(members),
        sizes=tuple(map(len, members.values())),
        values=dict(zip((entry.label for entry in main.entries), columns, strict=True)),
    )


def list_groups(ranking: TaskRanking) -> list[str]:
    """Return the names of the groups by which results are broken down: those with two groups or more, some shared."""
    answers = ranking.answers
    counts = {name: len(set(groups)) for name, groups in answers.groups.items() if name != CONTEXT}
    return [name for name, count in counts.items() if 1 < count < len(answers.ids)]


def list_disagreements(ranking: TaskRanking, most: int) -> list[int]:
    """Return the numbers of the items on which the models differ most by the main metric, at most so many.

    The variance between the models decides, and the order of the items among those that are equal.
    """
    main = ranking.main
    means = [
        values.mean(axis=0)
        for entry in main.entries
        if (values := ranking.answers.find_values(entry.cells, main.metric.name)) is not None
    ]
    if len(means) < 2:
        return []
    variances = np.round(np.var(means, axis=0), 9)
    order = np.argsort(-variances, kind="stable")[:most]
    return [number for number in order.tolist() if variances[number] > 0]


def _rank(answers: Answers, models: Sequence[Seeds], metric: MetricRecord) -> MetricRanking:
    found = _gather(answers, models, metric)
    if not found.models:
        return MetricRanking(metric, None, (), ())
    comparisons = compare_values(found.values, found.units, metric.higher_is_better, are_shares=found.are_shares)
    entries = list(_describe(found))
    if not found.units.are_too_few:
        entries = list(_claim(entries, comparisons, metric))
    to_best = {pair.second: pair.reversed() for pair in comparisons if pair.first == 0}
    entries = [replace(entry, to_best=to_best.get(number)) for number, entry in enumerate(entries)]
    return MetricRanking(metric, found.units, tuple(entries), comparisons)


def _find_task(answers: Answers, questions: Questions | None) -> Task | None:
    """Return the task with its texts, if a metric needs them and they can be read."""
    if questions is None or not any(metric.corpus for metric in answers.task.metrics):
        return None
    try:
        return questions.find(answers.task.name, answers.ids)
    except ResultsError:
        return None


def _rank_texts(answers: Answers, models: Sequence[Seeds], metric: MetricRecord, task: Task | None) -> MetricRanking:
    """Return the models by a metric of all texts. Each is compared with the best one alone, and no ranks are claimed.

    Several seeds have their mean, and no interval or test.
    """
    figures = [(model, figure) for model in models if (figure := _average_figures(model, metric)) is not None]
    figures.sort(key=lambda pair: -pair[1])
    entries = [
        TaskEntry(model.label, model.cells, Estimate(value), is_seeded=model.is_seeded, untuned=model.untuned)
        for model, value in figures
    ]
    if task is None or not metric.corpus or any(len(entry.cells) > 1 for entry in entries):
        return MetricRanking(metric, None, tuple(entries), ())
    texts = [[text or "" for text in answers.find_texts(entry.cells[0])] for entry in entries]
    written = WrittenTexts(metric.corpus, task, texts)
    entries = [replace(entry, value=value) for entry, value in zip(entries, written.estimate(), strict=True)]
    comparisons = _compare_texts(entries, written.compare_with_first(), len(task.items))
    to_best = {pair.second: pair.reversed() for pair in comparisons}
    entries = [replace(entry, to_best=to_best.get(number)) for number, entry in enumerate(entries)]
    return MetricRanking(metric, None, tuple(entries), comparisons)


def _average_figures(model: Seeds, metric: MetricRecord) -> float | None:
    """Return the mean over the seeds of a metric of all texts; None if one of them does not have it."""
    figures = [figure.value for cell in model.cells for figure in cell.figures if figure.metric == metric.name]
    return sum(figures) / len(figures) if len(figures) == len(model.cells) else None


def _compare_texts(entries: Sequence[TaskEntry], ps: Sequence[float], items: int) -> tuple[Comparison, ...]:
    """Return the comparison of the best model with each other one."""
    adjusted = adjust_holm(list(ps))
    return tuple(
        Comparison(
            first=0,
            second=second,
            difference=Estimate(entries[0].value.value - entries[second].value.value, p=p),
            adjusted_p=adjusted[second - 1],
            equal=False,
            wins=0,
            losses=0,
            size=float(items),
        )
        for second, p in enumerate(ps, start=1)
    )


def _gather(answers: Answers, models: Sequence[Seeds], metric: MetricRecord) -> _Values:
    """Return the values of the models that have a metric for every item, the best model first."""
    order, units = join_items(answers.groups.get(CONTEXT) or answers.ids)
    known = [
        (model, values) for model in models if (values := answers.find_values(model.cells, metric.name)) is not None
    ]
    sign = -1 if metric.higher_is_better else 1
    known.sort(key=lambda pair: round(sign * float(pair[1].mean()), 12))
    return _Values(metric, tuple(model for model, _ in known), tuple(values[:, order] for _, values in known), units)


def _select(answers: Answers, main: MetricRanking, items: Sequence[int]) -> _Values:
    """Return the values of the entries of a ranking on some of the items."""
    contexts = answers.groups.get(CONTEXT) or answers.ids
    order, units = join_items([contexts[item] for item in items])
    places = np.array(items)[order]
    found = [answers.find_values(entry.cells, main.metric.name) for entry in main.entries]
    return _Values(main.metric, main.entries, tuple(each[:, places] for each in found if each is not None), units)


def _describe(found: _Values) -> Iterator[TaskEntry]:
    for model, values, estimate in zip(found.models, found.values, found.estimate(), strict=True):
        seeds = values.mean(axis=1)
        yield TaskEntry(
            label=model.label,
            cells=model.cells,
            value=estimate,
            is_exact=found.are_shares and have_exact_interval(values, found.units),
            seed_deviation=float(seeds.std(ddof=1)) if len(seeds) > 1 else None,
            to_chance=_compare_with_chance(estimate, found.metric),
            is_seeded=model.is_seeded,
            untuned=model.untuned,
        )


def _compare_with_chance(estimate: Estimate, metric: MetricRecord) -> ToChance | None:
    if metric.chance is None or estimate.low is None or estimate.high is None:
        return None
    if estimate.low > metric.chance + _ROUNDING:
        return "above"
    return "below" if estimate.high < metric.chance - _ROUNDING else "not shown"


def _claim(
    entries: Sequence[TaskEntry], comparisons: Sequence[Comparison], metric: MetricRecord
) -> Iterator[TaskEntry]:
    """Yield the entries with their ranks."""
    differs = find_differing(len(entries), comparisons)
    sign = -1 if metric.higher_is_better else 1
    ranks = find_ranks([sign * entry.value.value for entry in entries], differs)
    ties = ((~differs).sum(axis=1) > 1).tolist()  # no model differs from itself
    for entry, rank, is_tied, letters in zip(entries, ranks, ties, find_letters(differs), strict=True):
        yield replace(entry, rank=rank, is_tied=is_tied, letters=letters)
