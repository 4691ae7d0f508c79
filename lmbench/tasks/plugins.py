"""Tasks of plugins: functions that packages register as entry points of the group ``lmbench.tasks``."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from lmbench.corpora.catalog import PublishedTable
from lmbench.corpus import TrainingText
from lmbench.entry_points import RegisteredFunction, list_functions
from lmbench.errors import LmbenchError, PluginError, describe, kind_of, name_kind
from lmbench.signature import plain_signature
from lmbench.tasks.checking import check_examples, check_items
from lmbench.tasks.conformance import check_chance, check_metrics, check_requests
from lmbench.tasks.task import Item, Metric, Task

GROUP = "lmbench.tasks"

_FACTS: dict[str, type] = {
    **dict.fromkeys(
        ("kind", "training_name", "language", "description", "license", "citation", "provenance", "note"), str
    ),
    **dict.fromkeys(("items", "examples", "metrics"), tuple),
    **dict.fromkeys(("shots", "seed"), int),
}
"""The fields of a task that are checked by their types alone."""

_OPTIONAL: dict[str, type] = {"training": TrainingText, "published_by": PublishedTable}
"""The fields that may be None."""


class RegisteredTask(RegisteredFunction):
    """A registered task, not yet imported."""

    __slots__ = ()

    noun: ClassVar[str] = "task"
    returned: ClassVar[str] = "a Task"

    def load(self) -> Task:
        """Return the task, under its registered name.

        Raises:
            LmbenchError: The function raised it, or an item cannot be asked. Any other error of the function becomes a
                PluginError.
            PluginError: The function cannot be imported, or does not return a task that keeps the contract.
        """
        task = self._make()
        self.check_fields(task, _FACTS)
        for name, kind in _OPTIONAL.items():
            if (value := getattr(task, name)) is not None and type(value) is not kind:
                raise PluginError(f"{self}: its {name} is {kind_of(value)}; it must be {name_kind(kind)} or None")
        self._check_classes("metrics", task.metrics, Metric)
        self._check_classes("items", task.items, Item)
        self._check_classes("examples", task.examples, Item)
        check_metrics(task.metrics, str(self))
        check_items(task.items, str(self), task.language)
        if task.examples:
            check_items(task.examples, f"the examples of {self}", task.language)
            check_examples(task.examples, task.items, f"the examples of {self}")
        self._check_methods(task)
        return replace(task, name=self.name)

    def _make(self) -> Task:
        task = self.call()
        if not isinstance(task, Task):
            raise PluginError(f"{self} is {kind_of(task)}; its function must return a Task")
        return task

    def _check_classes(self, name: str, values: tuple[object, ...], kind: type) -> None:
        if name == "metrics" and not values:
            raise PluginError(f"{self} has no metrics; it needs at least one")
        for number, value in enumerate(values, start=1):
            if type(value) is not kind:
                raise PluginError(
                    f"{self}: number {number} of its {name} is {kind_of(value)}; it must be {name_kind(kind)}"
                )

    def _check_methods(self, task: Task) -> None:
        """Check the signature, and what the task asks for each item."""
        try:
            plain_signature(task.signature())
        except LmbenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} does not have a signature: {describe(error)}") from error
        for number, item in enumerate(task.items, start=1):
            where = f"{self}, item {number}"
            try:
                requests: object = task.requests(item)
                check_chance(task, item, where)
            except LmbenchError:
                raise
            except (Exception, SystemExit) as error:  # a plugin may raise anything
                raise PluginError(f"{where} cannot be asked: {describe(error)}") from error
            check_requests(requests, where)


def list_plugins() -> dict[str, RegisteredTask]:
    """Return the tasks of plugins by name, without importing them."""
    return list_functions(GROUP, RegisteredTask)
