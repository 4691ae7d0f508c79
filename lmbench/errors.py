"""Everything that lmbench raises on purpose.

LmbenchError            an error that the user can fix; the command line prints it in one line and exits with 2
├── UnknownNameError    a model, corpus or option that does not exist; lists those that do
├── SpecError           a model spec or an option's value that is not valid
├── CorpusError         text that is missing, empty, not UTF-8 or cannot be split
├── TaskError           an item or a file of a task that cannot be used; names the item
├── PluginError         a registered model that cannot be imported or built, or that returns wrong types
├── UnavailableError    weights or files that are not on this machine and cannot be downloaded
├── NotFittedError      a model that was used before it was fitted
├── ScoreError          a score that breaks the contract
├── GenerationError     a model that cannot write text
└── ResultsError        a run directory that cannot be read, written or resumed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lmbench.printable import printable

_LONGEST = 1000  # characters of a message that a plugin may have written


class LmbenchError(Exception):
    """Base of all errors that the user can fix. The message is one line."""


class UnknownNameError(LmbenchError):
    """A name that is not known; the message gives the nearest known name and all others.

    Args:
        kind: The kind of thing that is named: "model", "corpus", "option of kenlm".
        name: The unknown name.
        known: All valid names.
        advice: Replaces the nearest name in the message, if the mistake is a known one.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; {advice}" if advice else f"; did you mean '{near[0]}'?" if near else ""
        super().__init__(f"unknown {kind} '{name}'{hint} (known: {', '.join(names) or 'none'})")


class SpecError(LmbenchError):
    """A model spec or an option's value that is not valid."""


class CorpusError(LmbenchError):
    """Text that is missing, empty, not UTF-8, or cannot be split as asked."""


class TaskError(LmbenchError):
    """An item or a file of a task that cannot be used; the message names the item by its number, from 1."""


class PluginError(LmbenchError):
    """A registered model that cannot be imported or built, or that returns values of wrong types."""


class UnavailableError(LmbenchError):
    """Weights or files that are not on this machine and cannot be downloaded; the message says how to get them."""


class NotFittedError(LmbenchError):
    """A model was asked for something that it knows only once it is fitted, or its weights are loaded."""


class ScoreError(LmbenchError):
    """A model returned a score that is not a probability of the document."""


class GenerationError(LmbenchError):
    """A model cannot write text, because it does not say which texts may follow."""


class ResultsError(LmbenchError):
    """A run directory that cannot be read, written or resumed."""


def reason(error: Exception) -> str:
    """Return in one line why a library could not read a file. Torch says it in its second line."""
    from pydantic import ValidationError  # not at the top: `lmbench --help` imports this module, and must be quick

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        message = first["msg"].replace("a valid tuple", "a list")  # which a user's file has
        return ": ".join([*map(str, first["loc"]), message])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = list(map(str.strip, str(error).strip().splitlines())) or [type(error).__name__]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0]


def describe(error: BaseException) -> str:
    """Return the type and the message of any error in one line."""
    name, message = type(error).__name__, message_of(error)
    return one_line(f"{name}: {message}") if message else name


def message_of(error: BaseException) -> str:
    """Return the message of an error in one line, even if its `str` raises."""
    try:
        return one_line(str(error))
    except (Exception, SystemExit):  # noqa: BLE001  (the error may be a plugin's)
        return "its message cannot be read"


def one_line(text: str) -> str:
    """Return a text in one printable line, and only its first 1,000 characters if it is longer."""
    line = printable(" ".join(line.strip() for line in text[: 2 * _LONGEST].splitlines()).strip())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def kind_of(value: object) -> str:
    """Return what kind of thing a value is, for a message: "a list", "None"."""
    return "None" if value is None else name_kind(type(value))


def name_kind(kind: type) -> str:
    """Return the name of a type with its article, for a message: "a list", "an int"."""
    name = kind.__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
