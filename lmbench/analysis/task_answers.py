"""What the models of a run answered to the items of a task: values of metrics, chosen answers and written texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lmbench.arrays import Floats
from lmbench.errors import ResultsError
from lmbench.runs.records import Cell, TaskRecord
from lmbench.runs.store import RunDirectory

CONTEXT = "context"
"""The group whose items are about the same text, and depend on each other."""

_OTHERS = ("id", "chosen", "text")


@dataclass(frozen=True)
class Answers:
    """The answers of the cells of a task.

    Attributes:
        task: The task.
        cells: The cells that have answers.
        columns: Of each cell, the columns of its items; see `RunDirectory.items`.
    """

    task: TaskRecord
    cells: tuple[Cell, ...]
    columns: tuple[Mapping[str, Sequence[Any]], ...]
    _arrays: dict[tuple[int, str], Floats] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The identities of the items."""
        return tuple(self.columns[0]["id"]) if self.columns else ()

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """For each name of groups, the group of each item; "" for an item without one."""
        known = {*_OTHERS, *(metric.name for metric in self.task.metrics)}
        first = self.columns[0] if self.columns else {}
        return {name: tuple(group or "" for group in first[name]) for name in first if name not in known}

    def find_values(self, cells: Sequence[Cell], metric: str) -> Floats | None:
        """Return the value of each item under each seed, (seeds, items); None if an item was not answered.

        Args:
            cells: The cells of the seeds of a model.
            metric: The name of a metric that is a mean over the items.
        """
        columns = [self._find_column(self.cells.index(cell), metric) for cell in cells]
        return None if any(np.isnan(column).any() for column in columns) else np.stack(columns)

    def read(self, cell: Cell, metric: str) -> Sequence[float | None]:
        """Return the value of each item for a cell; None for those that were not answered."""
        return self._find(cell).get(metric) or [None] * len(self.ids)

    def find_texts(self, cell: Cell) -> Sequence[str | None]:
        """Return what a model wrote for each item; None if it cannot write."""
        return self._find(cell)["text"]

    def find_choices(self, cell: Cell) -> Sequence[int | None]:
        """Return the index of the likeliest choice of each item; None if it does not offer any."""
        return self._find(cell)["chosen"]

    def _find_column(self, place: int, metric: str) -> Floats:
        """Return the value of each item for a cell, (items,); NaN for those that were not answered."""
        if (place, metric) not in self._arrays:
            values = self.columns[place].get(metric) or [None] * len(self.ids)
            self._arrays[place, metric] = np.array(values, dtype=np.float64)
        return self._arrays[place, metric]

    def _find(self, cell: Cell) -> Mapping[str, Sequence[Any]]:
        return self.columns[self.cells.index(cell)]


def read_answers(directory: RunDirectory, task: TaskRecord) -> Answers:
    """Return the answers to the items of a task.

    Args:
        directory: The run.
        task: The task.

    Raises:
        ResultsError: The cells have different items.
    """
    cells = tuple(cell for cell in directory.task_cells(task.name) if cell.status == "ok")
    columns = tuple(directory.items(cell) for cell in cells)
    for cell, other in zip(cells, columns, strict=True):
        if other["id"] != columns[0]["id"]:
            raise ResultsError(f"{directory.folder(cell.row)} has other items than another cell of {task.name}")
    return Answers(task, cells, columns)
