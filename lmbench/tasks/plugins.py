"""Tasks of plugins: functions that packages register as entry points of the group ``lmbench.tasks``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import cast

from lmbench.corpus import TrainingText
from lmbench.entry_points import list_entries
from lmbench.errors import LmbenchError, PluginError, describe, kind_of
from lmbench.signature import plain_signature
from lmbench.tasks.checking import check_items
from lmbench.tasks.conformance import check_requests
from lmbench.tasks.task import Item, Metric, Task

GROUP = "lmbench.tasks"

_FACTS: dict[str, type] = {
    **dict.fromkeys(
        ("kind", "training_name", "language", "description", "license", "citation", "provenance", "note"), str
    ),
    **dict.fromkeys(("items", "examples", "metrics"), tuple),
}
"""The fields of a task that are checked by their types alone."""


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
                raise PluginError(f"{self}: its {name} is {kind_of(value)}; it must be a {kind.__name__}")
        if task.training is not None and type(task.training) is not TrainingText:
            raise PluginError(f"{self}: its training is {kind_of(task.training)}; it must be a TrainingText or None")
        self._check_classes("metrics", task.metrics, Metric)
        self._check_classes("items", task.items, Item)
        self._check_classes("examples", task.examples, Item)
        check_items(task.items, str(self), task.language)
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
        """Check what the task returns for its first item."""
        try:
            requests: object = task.requests(task.items[0])
            signature = task.signature()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot ask its first item: {describe(error)}") from error
        check_requests(requests, str(self))
        plain_signature(signature)


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
    return f"an {kind.__name__}" if kind.__name__[0] in "AEIOU" else f"a {kind.__name__}"
