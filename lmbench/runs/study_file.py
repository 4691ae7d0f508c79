"""Study files: TOML that says what to run. Each mistake in one is reported with its line and its key."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from lmbench.errors import LmbenchError, SpecError, UnknownNameError, kind_of
from lmbench.printable import printable
from lmbench.runs.study import ExperimentTable, Settings, Study

TABLE = "experiment"
"""The name of the tables of a study that has several experiments."""

_POSITION = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")
_EXCLUSIVE = ("seed", "seeds")

Keys = TypeVar("Keys", ExperimentTable, Settings)
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the keys of a study were written.

    Attributes:
        options: The options of the command line, by key. They replace keys of the file.
        file: The file; None if there is none.
        text: Its contents.
        keys: Its contents, parsed.
    """

    options: Table
    file: Path | None
    text: str
    keys: Table

    @property
    def tables(self) -> Sequence[Table]:
        """The tables of experiments; one that is empty if there are none.

        Raises:
            SpecError: They are something else.
        """
        tables = self.keys.get(TABLE, [{}])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise SpecError(f"{self.locate(TABLE)}: begin each experiment with [[{TABLE}]]")
        return cast(list[Table], tables)

    @property
    def replaced(self) -> list[tuple[str, str]]:
        """The options that replace keys of the file which say something else, each with such a key."""
        written = [(key, value) for table in (self.keys, *self.tables) for key, value in table.items()]
        found = {
            option: key
            for option, value in self.options.items()
            for key, other in written
            if key in _exclude(option) and (key, other) != (option, value)
        }
        return list(found.items())

    def locate(self, key: str, *item: int, table: int | None = None) -> str:
        """Return the place of a value, as in ``study.toml, line 7, models`` or ``--models``.

        Args:
            key: Its key.
            item: Its number, if it is an item of a list.
            table: The number of its experiment; None if it is written above all experiments.
        """
        if self.file is None or key in self.options:
            return f"--{key}"
        place: tuple[str | int, ...] = (key, *item)
        if table is not None and (key in self.tables[table] or key not in self.keys):
            place = (TABLE, table, *place)
        while place and not _holds(self.keys, place):
            place = place[:-1]
        line = f"line {find_line(self.text, place)}" if place else ""
        return ", ".join(filter(None, [printable(str(self.file)), line, key]))

    @contextmanager
    def blamed(self, table: int, key: str, *item: int) -> Iterator[None]:
        """Add the place of a key in the file to an error within the context.

        Raises:
            SpecError: There was an error.
        """
        try:
            yield
        except LmbenchError as error:
            if self.file is None or key in self.options:
                raise
            raise SpecError(f"{self.locate(key, *item, table=table)}: {error}") from error


def read_study(file: Path | None, options: Table) -> tuple[Study, Source]:
    """Read a study, and return it with its source.

    Args:
        file: A file; None if there are only options.
        options: The options of the command line, by key.

    Raises:
        SpecError: The file cannot be read, or a key or a value is wrong.
    """
    source = Source(options, None, "", {}) if file is None else _parse(file, options)
    shared = {key: value for key, value in source.keys.items() if key != TABLE}
    _check_exclusive(source, options)
    _check_keys(source, shared, [*ExperimentTable.all_keys(), *Settings.all_keys()])
    for number, table in enumerate(source.tables):
        _check_keys(source, table, ExperimentTable.all_keys(), number)
    experiments = [_merge(shared, table, options) for table in source.tables]
    return Study(
        experiments=tuple(_validate(ExperimentTable, keys, source, number) for number, keys in enumerate(experiments)),
        settings=_validate(Settings, _merge(shared, options), source),
    ), source


def find_line(text: str, place: Sequence[str | int]) -> int:
    """Return the line, counted from 1, in which TOML writes the value at a place.

    A statement ends where all text up to there can be parsed.

    Args:
        text: The text, which is valid and has the value.
        place: The keys, and the numbers within lists, that lead to the value.
    """
    lines, start = text.replace("\r\n", "\n").split("\n"), 0
    for stop in range(1, len(lines) + 1):
        if not _can_parse(lines[:stop]):
            continue
        if _holds(tomllib.loads("\n".join(lines[:stop])), place):
            return _find_item(lines, start, stop, place)
        start = stop
    return len(lines)


def _find_item(lines: Sequence[str], start: int, stop: int, place: Sequence[str | int]) -> int:
    """Return the line of a value, given the lines of its statement. An item of a list has its own if it is closed."""
    for last in range(start + 1, stop + 1):
        closed = [*lines[:last], "]"]
        if _can_parse(closed) and _holds(tomllib.loads("\n".join(closed)), place):
            return last
    return start + 1 if isinstance(place[-1], str) else stop


def _can_parse(lines: Sequence[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _holds(value: object, place: Sequence[str | int]) -> bool:
    """Return whether there is a value at a place."""
    for step in place:
        items = dict(enumerate(value)) if isinstance(value, list) else value
        if not isinstance(items, dict) or step not in items:
            return False
        value = items[step]
    return True


def _parse(file: Path, options: Table) -> Source:
    name = printable(str(file))
    try:
        text = file.read_bytes().removeprefix(codecs.BOM_UTF8).decode()
        return Source(options, file, text, tomllib.loads(text))
    except OSError as error:
        is_model = isinstance(error, FileNotFoundError) and file.suffix != ".toml"
        hint = "; models are named with --models" if is_model else ""
        raise SpecError(f"cannot read {name}: {error.strerror}{hint}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{name} is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        position = _POSITION.search(str(error))
        line = position[1] if position and position[1] else len(text.rstrip().split("\n"))
        raise SpecError(f"{name}, line {line}: {_POSITION.sub('', str(error))}") from error
    except RecursionError:
        raise SpecError(f"{name} has too many lists within lists") from None


def _check_keys(source: Source, table: Table, known: Sequence[str], number: int | None = None) -> None:
    """Check that the keys of a table are known, and that they do not exclude each other."""
    for key in table:
        if key not in known:
            raise SpecError(f"{source.locate(key, table=number)}: {_why_unknown(key, known)}")
    _check_exclusive(source, table, number)


def _check_exclusive(source: Source, table: Table, number: int | None = None) -> None:
    if set(_EXCLUSIVE) <= set(table):
        raise SpecError(f"{source.locate('seed', table=number)}: seed and seeds exclude each other")


def _why_unknown(key: str, known: Sequence[str]) -> str:
    """Return why a key is not known here, and which one may be meant."""
    if get_close_matches(key, [TABLE]):
        return f"unknown key '{key}'; begin each experiment with [[{TABLE}]]"
    if key in Settings.all_keys():
        return f"{key} is a key of the whole study; write it above the first [[{TABLE}]]"
    return str(UnknownNameError("key", key, known))


def _exclude(key: str) -> Sequence[str]:
    """Return the keys that exclude this one, itself included."""
    return _EXCLUSIVE if key in _EXCLUSIVE else (key,)


def _merge(*tables: Table) -> Table:
    """Return the keys of all tables. A key replaces those of earlier tables that it excludes."""
    merged: dict[str, object] = {}
    for table in tables:
        excluded = {other for key in table for other in _exclude(key)}
        merged = {key: value for key, value in merged.items() if key not in excluded} | dict(table)
    return merged


def _validate(kind: type[Keys], keys: Table, source: Source, table: int | None = None) -> Keys:
    """Return the keys that are of one kind."""
    try:
        return kind.model_validate({key: value for key, value in keys.items() if key in kind.all_keys()})
    except ValidationError as error:
        first = error.errors()[0]
        key, *steps = first["loc"]
        where = source.locate(str(key), *(step for step in steps if isinstance(step, int)), table=table)
        raise SpecError(f"{where}: {explain(first['type'], first['msg'], first['input'])}") from error


def explain(kind: str, message: str, value: object) -> str:
    """Return what is wrong with a value, in the words of TOML."""
    if kind == "tuple_type":
        return f"write a list, not {kind_of(value)}"
    return message.removeprefix("Value error, ").replace("Input should be", "it must be")
