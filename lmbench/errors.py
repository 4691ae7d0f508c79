"""Everything that lmbench raises on purpose.

LmbenchError            what a user can mend; the command line prints it in one line and exits 2
├── UnknownNameError    a model, corpus or option that does not exist, with what does
├── SpecError           a model spec or an option's value that cannot be read
├── CorpusError         text that is missing, empty, not UTF-8 or cannot be split
├── PluginError         a registered model that cannot be imported or made
├── UnavailableError    weights or files that are not on this machine and could not be had
├── NotFittedError      a model that was asked before it was fitted
├── ScoreError          a model broke the scoring contract
└── ResultsError        a run directory that cannot be read, written or continued
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError


class LmbenchError(Exception):
    """Base of all errors that a user can mend; its text is one line."""


class UnknownNameError(LmbenchError):
    """A name that is not known, with the nearest one and all known ones.

    Args: kind, what is named ("model", "corpus", "option of kenlm"); name, what was asked for;
    known, all valid names; advice, of what is known of such a mistake, instead of the nearest name.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; {advice}" if advice else f"; did you mean '{near[0]}'?" if near else ""
        super().__init__(f"unknown {kind} '{name}'{hint} (known: {', '.join(names) or 'none'})")


class SpecError(LmbenchError):
    """A model spec or an option's value that cannot be read."""


class CorpusError(LmbenchError):
    """Text that is missing, empty, not UTF-8, or cannot be split as asked."""


class PluginError(LmbenchError):
    """A registered model that cannot be imported or made; the text says whose it is and why."""


class UnavailableError(LmbenchError):
    """Weights or files that are not on this machine and could not be had; the text says how to get them."""


class NotFittedError(LmbenchError):
    """A model was asked for something that it knows only once it is fitted."""


class ScoreError(LmbenchError):
    """A model returned something that is no probability of the document it was given."""


class ResultsError(LmbenchError):
    """A run directory that cannot be read, written or continued."""


def reason(error: Exception) -> str:
    """Why a file cannot be read, in one line, of what a library raised; torch says it in the second of its lines."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = list(map(str.strip, str(error).strip().splitlines())) or [type(error).__name__]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0]
