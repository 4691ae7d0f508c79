"""The items and the responses of a task's cell, as the columns of its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmbench.errors import TaskError
from lmbench.runs.task_cells import Answered
from lmbench.tasks.task import Likelihood, Response, Task

Columns = dict[str, Sequence[Any]]

_OWN = ("id", "chosen", "text")


def list_items(task: Task, items: Sequence[Answered]) -> Columns:
    """Return the columns of items.parquet; see `RunDirectory.items`."""
    groups = [dict(one.item.groups) for one in items]
    return {
        "id": [one.item.id for one in items],
        **{name: [group.get(name) for group in groups] for name in _list_groups(task)},
        **{metric.name: [one.values[metric.name] for one in items] for metric in task.metrics},
        "chosen": [one.chosen for one in items],
        "text": [one.text for one in items],
    }


def list_responses(items: Sequence[Answered]) -> Columns:
    """Return the columns of responses.parquet; see `RunDirectory.responses`."""
    rows = [(one.item.id, number, response) for one in items for number, response in enumerate(one.responses)]
    responses = [response for _, _, response in rows]
    return {
        "item": [item for item, _, _ in rows],
        "request": [number for _, number, _ in rows],
        **{name: _list_values(responses, name) for name in ("logprob", "events")},
        "greedy": _list_values(responses, "is_greedy"),
        "text": [None if isinstance(response, Likelihood) else response.text for response in responses],
    }


def check_columns(task: Task) -> None:
    """Check that the groups of a task can be columns beside its metrics.

    Raises:
        TaskError: A group has the name of another column.
    """
    taken = {*_OWN, *(metric.name for metric in task.metrics)}
    if clash := taken & set(_list_groups(task)):
        raise TaskError(f"{task.name}: a group cannot be called '{min(clash)}', as another column is; rename it")


def _list_groups(task: Task) -> list[str]:
    """Return the names of the groups of a task's items, each once."""
    return list(dict.fromkeys(name for item in task.items for name, _ in item.groups))


def _list_values(responses: Sequence[Response], name: str) -> list[Any]:
    """Return an attribute of each response; None for those that are not likelihoods."""
    return [getattr(response, name) if isinstance(response, Likelihood) else None for response in responses]
