"""Reports of a run: about its tasks, which may run at the same time, and about the cells that end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lmbench.progress import Progress
from lmbench.runs.records import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskName:
    """A task of a run: a cell, or the conformance suite on a model. Hashable, so that it can be a key.

    Attributes:
        kind: "cell" or "check".
        model: The spec of the model.
        corpus: The name of the corpus; "" if the task is a check.
        number: Which task of its kind it is, from 1.
        total: How many tasks of its kind the run has.
    """

    kind: Literal["cell", "check"]
    model: str
    corpus: str = ""
    number: int
    total: int


class RunProgress(Progress):
    """Receives reports of a run. This class ignores all except notices; subclasses show them.

    Several threads may call it at the same time, each for a task of its own. Calls of the progress itself are about the
    run as a whole: the few steps of its preparation.
    """

    def planned(self, total_cells: int, stored: int) -> None:
        """Report how many cells the run has, and how many of them are stored already. Called once, before all tasks."""

    def task_started(self, task: TaskName) -> None:
        """Report that a task starts."""

    def task_progress(self, task: TaskName, message: str, share: float) -> None:
        """Report the current step of a task; see `Progress`."""

    def task_memory(self, task: TaskName, size: int) -> None:
        """Report how many bytes of memory are resident in a task's process now."""

    def task_received(self, task: TaskName, url: str, done: int, total: int | None) -> None:
        """Report a download of a task; see `Progress.received`."""

    def cell_finished(self, cell: Cell) -> None:
        """Report that a cell is stored, successfully or not. Called before `task_ended` of its task."""

    def task_ended(self, task: TaskName, summary: str = "") -> None:
        """Report that a task has ended, whatever ended it.

        Args:
            task: The task.
            summary: Its result in one line; "" for a cell, which has `cell_finished`.
        """

    def written(self, path: Path) -> None:
        """Report that the run has ended, and that its tables are in its directory."""

    def progress_of(self, task: TaskName) -> Progress:
        """Return a progress whose reports are about one task."""
        return _TaskProgress(self, task)


class _TaskProgress(Progress):
    def __init__(self, run: RunProgress, task: TaskName) -> None:
        self._run, self._task = run, task

    def __call__(self, message: str, share: float) -> None:
        self._run.task_progress(self._task, message, share)

    def notice(self, line: str) -> None:
        self._run.notice(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        self._run.task_received(self._task, url, done, total)
