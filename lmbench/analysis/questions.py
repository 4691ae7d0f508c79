"""The items of a run's tasks, whose texts a run directory does not hold: given, or read again by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lmbench.errors import LmbenchError, ResultsError
from lmbench.runs.records import Manifest, TaskRecord
from lmbench.spec import Spec
from lmbench.tasks.loading import list_tasks, load_items
from lmbench.tasks.task import Task


class Questions:
    """The tasks of a run. Nothing is downloaded for them.

    Args:
        manifest: The record of the run.
        given: Tasks that need not be read again.
    """

    def __init__(self, manifest: Manifest, given: Iterable[Task] = ()) -> None:
        self._records = {record.name: record for record in manifest.tasks}
        self._known: dict[str, Task | str] = {task.name: task for task in given}

    def find(self, name: str, ids: Sequence[str]) -> Task:
        """Return the task of this name.

        Args:
            name: The name.
            ids: The identities of its items in the run.

        Raises:
            ResultsError: It was not given, and cannot be read again with the same items.
        """
        if name not in self._known:
            self._known[name] = _read_again(self._records[name])
        task = self._known[name]
        if isinstance(task, str):
            raise ResultsError(f"the items of {name} cannot be read again: {task}")
        if [item.id for item in task.items] != list(ids) or str(task.signature()) != self._records[name].signature:
            raise ResultsError(f"the items of {name} are other ones than in the run")
        return task


def _read_again(record: TaskRecord) -> Task | str:
    """Return a task, or why it cannot be read. The text that models are fitted on is not read."""
    try:
        named = list_tasks().get(Spec.parse(record.name).name)
        if named is not None and not named.is_local:
            return "its files are not on this machine"
        return load_items(record.name)
    except LmbenchError as error:
        return str(error)
