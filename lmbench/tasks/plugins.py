"""Tasks of plugins: functions that packages register as entry points of the group ``lmbench.tasks``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import cast

from lmbench.corpora.catalog import PublishedTable
from lmbench.corpus import TrainingText
from lmbench.entry_points import list_entries
from lmbench.errors import LmbenchError, PluginError, describe, kind_of
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


@dataclass(frozen=True, slots=True)
class RegisteredTask:
    """A registered task, not yet imported.

    Attributes:
        name: The name that users give.
        origin: The distribution that registers it, and its version.
        entry_point: Locates the function that returns the task.
    """

    name: str
    origin: str
    entry_point: EntryPoint

    def summarize(self) -> str:
        """Return the first line of the function's docstring, or why the task is broken."""
        try:
            lines = (inspect.getdoc(self._import()) or "").splitlines()
        except PluginError as error:
            return f"broken: {error}"
        return lines[0] if lines else "a task without a description"

    def load(self) -> Task:
        """Return the task, under its registered name.

        Raises:
            LmbenchError: The function raised it, or an item cannot be asked. Any other error of the function becomes a
                PluginError.
            PluginError: The function cannot be imported, or does not return a task that keeps the contract.
        """
        task = self._make()
        for name, kind in _FACTS.items():
            if type(value := getattr(task, name, None)) is not kind:
                raise PluginError(f"{self}: its {name} is {kind_of(value)}; it must be {_a(kind)}")
        for name, kind in _OPTIONAL.items():
            if (value := getattr(task, name)) is not None and type(value) is not kind:
                raise PluginError(f"{self}: its {name} is {kind_of(value)}; it must be a {kind.__name__} or None")
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

    def __str__(self) -> str:
        return f"task '{self.name}' of {self.origin}"

    def _make(self) -> Task:
        function = self._import()
        try:
            task = function()
        except LmbenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot be loaded: {describe(error)}") from error
        if not isinstance(task, Task):
            raise PluginError(f"{self} is {kind_of(task)}; its function must return a Task")
        return task

    def _import(self) -> Callable[[], object]:
        try:
            function = self.entry_point.load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot be imported: {describe(error)}") from error
        if not callable(function):
            raise PluginError(f"{self} is {kind_of(function)}; it must be a function that returns a Task")
        return cast(Callable[[], object], function)

    def _check_classes(self, name: str, values: tuple[object, ...], kind: type) -> None:
        if name == "metrics" and not values:
            raise PluginError(f"{self} has no metrics; it needs at least one")
        for number, value in enumerate(values, start=1):
            if type(value) is not kind:
                raise PluginError(f"{self}: number {number} of its {name} is {kind_of(value)}; it must be {_a(kind)}")

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
    """Return the tasks of plugins by name, without importing them.

    If several packages register the same name, the first one in alphabetical order is used.
    """
    found = [
        RegisteredTask(entry.point.name, f"{entry.origin} {entry.version}", entry.point)
        for entry in list_entries(GROUP)
    ]
    by_name: dict[str, RegisteredTask] = {}
    for task in sorted(found, key=lambda task: (task.name, task.origin)):
        by_name.setdefault(task.name, task)
    return by_name


def _a(kind: type) -> str:
    return f"an {kind.__name__}" if kind.__name__[0].lower() in "aeiou" else f"a {kind.__name__}"
