"""Comparisons of task cells: two models on the tasks that both have answered, or the rows of two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmbench.analysis.comparison import Refusal, RunModel, group_refusals
from lmbench.analysis.pair import Verdict
from lmbench.analysis.ranking import Seeds, group_seeds
from lmbench.analysis.task_answers import CONTEXT, Answers, read_answers
from lmbench.arrays import Floats
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.runs.records import MetricRecord, TaskRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import Comparison, Units, compare_values, join_items
from lmbench.statistics.pairs import adjust_holm


@dataclass(frozen=True, slots=True)
class TaskPair:
    """A model and a baseline on a task, by one metric.

    Attributes:
        task: The name of the task.
        metric: The metric.
        model: The label of the model.
        baseline: The label of the baseline.
        values: The value of the model, and that of the baseline.
        comparison: The model as the first one, and the baseline as the second one.
        units: What was resampled.
    """

    task: str
    metric: MetricRecord
    model: str
    baseline: str
    values: tuple[float, float]
    comparison: Comparison
    units: Units

    @property
    def is_same(self) -> bool:
        """Whether both have the same value for each item, on average over the seeds."""
        pair = self.comparison
        return pair.difference.value == 0 and pair.wins == pair.losses == 0

    @property
    def verdict(self) -> Verdict:
        """How the model does: better or worse than the baseline by more than chance, or neither."""
        if self.is_same:
            return "same"
        if self.units.are_too_few:
            return "too few"
        if not self.comparison.differs:
            return "not shown"
        return "better" if (self.comparison.difference.value > 0) == self.metric.higher_is_better else "worse"


@dataclass(frozen=True, slots=True)
class ComparedTasks:
    """Models on the tasks of two runs, or of one.

    Attributes:
        pairs: The comparisons, one for each task, model and metric.
        refusals: The tasks and rows that cannot be compared.
        only_before: The task and the label of each row that only the first run has.
        only_after: The task and the label of each row that only the second run has.
    """

    pairs: tuple[TaskPair, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    only_before: tuple[tuple[str, str], ...] = ()
    only_after: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    """The results of a run on a task.

    Attributes:
        task: The task; None if the run does not have it.
        answers: What the models answered; None without the task.
        models: The models with answers, by label.
        failed: For each other label, why it does not have answers.
    """

    task: TaskRecord | None
    answers: Answers | None
    models: Mapping[str, Seeds]
    failed: Mapping[str, str]

    @property
    def labels(self) -> list[str]:
        return [*self.models, *self.failed]


def compare_tasks(model: RunModel, baseline: RunModel, tasks: Sequence[str] = ()) -> ComparedTasks:
    """Compare two models, of one run or of two, on each task that both have answered.

    Args:
        model: The model.
        baseline: The one that it is compared with.
        tasks: The names of the tasks; empty for all.

    Raises:
        UnknownNameError: Neither run has a task.
        ResultsError: The cells of a task have different items.
    """
    pairs, refusals = list[TaskPair](), list[Refusal]()
    for name in _choose_tasks(model.directory, baseline.directory, tasks):
        sides = (_read(model.directory, name), _read(baseline.directory, name))
        labels = (model.label, baseline.label)
        if not any(label in side.labels for side, label in zip(sides, labels, strict=True)):
            continue
        if reason := _find_mismatch(*sides) or _explain_absence(sides, labels):
            refusals.append(Refusal(name, "", reason))
        else:
            pairs += _compare(name, sides, [labels])
    return ComparedTasks(tuple(pairs), tuple(refusals))


def compare_task_runs(
    before: RunDirectory, after: RunDirectory, models: Sequence[str] = (), tasks: Sequence[str] = ()
) -> ComparedTasks:
    """Compare the rows of tasks that two runs have in common. The p of a metric are corrected for the rows that differ.

    Args:
        before: The first run, whose rows are the baselines.
        after: The second run.
        models: The labels of the models; empty for all.
        tasks: The names of the tasks; empty for all.

    Raises:
        UnknownNameError: Neither run has a task.
        ResultsError: The cells of a task have different items.
    """
    pairs, refusals = list[TaskPair](), list[Refusal]()
    only_before, only_after = list[tuple[str, str]](), list[tuple[str, str]]()
    for name in _choose_tasks(before, after, tasks):
        old, new = _read(before, name), _read(after, name)
        chosen = [[label for label in side.labels if not models or label in models] for side in (old, new)]
        only_before += [(name, label) for label in chosen[0] if label not in chosen[1]]
        only_after += [(name, label) for label in chosen[1] if label not in chosen[0]]
        common = [label for label in chosen[0] if label in chosen[1]]
        if common and (reason := _find_mismatch(old, new)):
            refusals.append(Refusal(name, "", reason))
            continue
        absent = {label: old.failed.get(label) or new.failed.get(label) for label in common}
        refusals += [Refusal(name, label, why) for label, why in absent.items() if why]
        pairs += _correct(_compare(name, (new, old), [(label, label) for label in common if not absent[label]]))
    return ComparedTasks(tuple(pairs), tuple(refusals), tuple(only_before), tuple(only_after))


def require_pairs(compared: ComparedTasks) -> None:
    """Check that something was compared.

    Raises:
        ResultsError: Nothing was. The message has the reasons.
    """
    if not compared.pairs:
        reasons = [f"{', '.join(names)}: {reason}" for reason, names in group_refusals(compared.refusals).items()]
        raise ResultsError(f"nothing can be compared: {'; '.join(reasons) or 'no task has answers of both'}")


def _choose_tasks(one: RunDirectory, other: RunDirectory, tasks: Sequence[str]) -> list[str]:
    known = [task.name for run in (one, other) for task in run.manifest.tasks]
    for name in tasks:
        if name not in known:
            raise UnknownNameError("task of these runs", name, known)
    return list(dict.fromkeys(tasks or known))


def _read(directory: RunDirectory, name: str) -> _Side:
    task = next((task for task in directory.manifest.tasks if task.name == name), None)
    if task is None:
        return _Side(None, None, {}, {})
    answers = read_answers(directory, task)
    cells = [cell for cell in directory.task_cells(name) if cell.error]
    missing = [row.label for row in directory.missing("task") if row.corpus == name]
    failed = {cell.label: f"{cell.label} {cell.status}: {cell.error}" for cell in cells}
    failed |= dict.fromkeys(missing, f"its cell in {directory.path} is missing; `lmbench run` evaluates it")
    return _Side(
        task, answers, {model.label: model for model in group_seeds(directory.manifest, answers.cells)}, failed
    )


def _find_mismatch(one: _Side, other: _Side) -> str:
    """Return why a task of two runs does not compare, in one line; "" if it does."""
    if one.task is None or other.task is None:
        return "only one of the runs has it"
    return "" if one.task.digest == other.task.digest else "its items, or how they were asked, differ"


def _explain_absence(sides: Sequence[_Side], labels: Sequence[str]) -> str:
    """Return why one of two models does not have answers, in one line; "" if both have some."""
    for side, label in zip(sides, labels, strict=True):
        if label not in side.models:
            return side.failed.get(label, f"one of the runs does not have {label} on it")
    return ""


def _compare(task: str, sides: Sequence[_Side], labels: Sequence[tuple[str, str]]) -> Iterator[TaskPair]:
    """Yield the comparison of each model with its baseline, by each metric that both have for every item."""
    one, other = sides
    if one.task is None or one.answers is None or other.answers is None:
        return
    order, units = join_items(one.answers.groups.get(CONTEXT) or one.answers.ids)
    for label, baseline in labels:
        for metric in one.task.metrics:
            first = one.answers.find_values(one.models[label].cells, metric.name)
            second = other.answers.find_values(other.models[baseline].cells, metric.name)
            if metric.corpus == "" and first is not None and second is not None:
                values = _pair_values(first[:, order], second[:, order])
                [pair] = compare_values(values, units, metric.higher_is_better, are_shares=metric.unit == "share")
                means = (float(first.mean()), float(second.mean()))
                yield TaskPair(task, metric, label, baseline, means, pair, units)


def _pair_values(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the values of both, (seeds, items): means if they are the same model, whose seeds are not independent."""
    if np.array_equal(first, second):
        return first.mean(axis=0, keepdims=True), second.mean(axis=0, keepdims=True)
    return first, second


def _correct(pairs: Iterator[TaskPair]) -> Iterator[TaskPair]:
    """Yield the pairs with p corrected for their number by Holm's method, for each metric; equal rows do not count."""
    by_metric: dict[str, list[TaskPair]] = {}
    for pair in pairs:
        by_metric.setdefault(pair.metric.name, []).append(pair)
    for group in by_metric.values():
        adjusted = adjust_holm([None if pair.is_same else pair.comparison.difference.p for pair in group])
        for pair, p in zip(group, adjusted, strict=True):
            yield pair if p is None else replace(pair, comparison=replace(pair.comparison, adjusted_p=p))
