"""The entry points of installed packages, which package registers each of them, and functions that are registered."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import ClassVar, TypeVar, cast

from lmbench.errors import LmbenchError, PluginError, describe, kind_of, name_kind


@dataclass(frozen=True, slots=True)
class PackageEntry:
    """An entry point of a package.

    Attributes:
        point: The entry point.
        origin: The distribution that registers it.
        version: That distribution's version.
    """

    point: EntryPoint
    origin: str
    version: str


@dataclass(frozen=True, slots=True)
class RegisteredFunction:
    """A function that a package registers under a name, not yet imported. A subclass says what it returns.

    Attributes:
        name: The name that users give.
        origin: The distribution that registers it, and its version.
        entry_point: Locates the function.
    """

    noun: ClassVar[str]
    """What is registered, such as "corpus"."""

    returned: ClassVar[str]
    """The type that the function returns, such as "a Corpus"."""

    name: str
    origin: str
    entry_point: EntryPoint

    def summarize(self) -> str:
        """Return the first line of the function's docstring, or why it is broken."""
        try:
            lines = (inspect.getdoc(self._import()) or "").splitlines()
        except PluginError as error:
            return f"broken: {error}"
        return lines[0] if lines else f"a {self.noun} without a description"

    def call(self) -> object:
        """Return what the function returns.

        Raises:
            LmbenchError: The function raised it. Any other error of the function becomes a PluginError.
            PluginError: The function cannot be imported.
        """
        function = self._import()
        try:
            return function()
        except LmbenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot be loaded: {describe(error)}") from error

    def check_fields(self, value: object, types: Mapping[str, type]) -> None:
        """Check that fields of what the function returned have their types.

        Raises:
            PluginError: One of them has another.
        """
        for name, kind in types.items():
            if type(found := getattr(value, name, None)) is not kind:
                raise PluginError(f"{self}: its {name} is {kind_of(found)}; it must be {name_kind(kind)}")

    def __str__(self) -> str:
        return f"{self.noun} '{self.name}' of {self.origin}"

    def _import(self) -> Callable[[], object]:
        try:
            function = self.entry_point.load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot be imported: {describe(error)}") from error
        if not callable(function):
            raise PluginError(f"{self} is {kind_of(function)}; it must be a function that returns {self.returned}")
        return cast(Callable[[], object], function)


Function = TypeVar("Function", bound=RegisteredFunction)


def list_functions(group: str, kind: type[Function]) -> dict[str, Function]:
    """Return the functions of a group by name, without importing them.

    If several packages register the same name, the first one in alphabetical order is used.
    """
    found = [kind(entry.point.name, f"{entry.origin} {entry.version}", entry.point) for entry in list_entries(group)]
    by_name: dict[str, Function] = {}
    for function in sorted(found, key=lambda function: (function.name, function.origin)):
        by_name.setdefault(function.name, function)
    return by_name


def list_entries(group: str) -> tuple[PackageEntry, ...]:
    """Return the entry points of a group.

    The metadata of hundreds of packages take long to read, so they are read again only if `sys.path` or one of its
    folders has changed since.
    """
    return _read_entries(group, tuple((place, _state_of(place)) for place in sys.path))


@lru_cache(maxsize=8)
def _read_entries(group: str, places: tuple[tuple[str, tuple[int, ...]], ...]) -> tuple[PackageEntry, ...]:
    """Read the entry points of a group. `places` says when they were read."""
    return tuple(
        PackageEntry(point, *((point.dist.name, point.dist.version) if point.dist else ("unknown", "?")))
        for point in entry_points(group=group)
    )


def _state_of(place: str) -> tuple[int, ...]:
    """Return what changes if packages are installed or removed in a folder; nothing if it does not exist."""
    try:
        found = Path(place).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns
