"""Corpora of plugins: functions that packages register as entry points of the group ``lmbench.corpora``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import cast

from lmbench.corpora.encoding import check_text
from lmbench.corpus import Corpus, Split
from lmbench.entry_points import list_entries
from lmbench.errors import LmbenchError, PluginError, describe, kind_of

GROUP = "lmbench.corpora"

_FACTS: dict[str, type] = {
    **dict.fromkeys(("provenance", "description", "floor_note", "note"), str),
    **dict.fromkeys(("tokenized", "spaced"), bool),
}
"""The fields of a corpus that are not splits, with their types."""


@dataclass(frozen=True, slots=True)
class RegisteredCorpus:
    """A registered corpus, not yet imported.

    Attributes:
        name: The name that users give.
        origin: The distribution that registers it, and its version.
        entry_point: Locates the function that returns the corpus.
    """

    name: str
    origin: str
    entry_point: EntryPoint

    def summarize(self) -> str:
        """Return the first line of the function's docstring, or why the corpus is broken."""
        try:
            lines = (inspect.getdoc(self._import()) or "").splitlines()
        except PluginError as error:
            return f"broken: {error}"
        return lines[0] if lines else "a corpus without a description"

    def load(self) -> Corpus:
        """Return the corpus, under its registered name.

        Raises:
            LmbenchError: The function raised it. Any other error of the function becomes a PluginError.
            PluginError: The function cannot be imported, or does not return a corpus.
        """
        function = self._import()
        try:
            corpus = function()
        except LmbenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot be loaded: {describe(error)}") from error
        if type(corpus) is not Corpus:
            raise PluginError(f"{self} is {kind_of(corpus)}; its function must return a Corpus")
        for name, kind in _FACTS.items():
            if type(value := getattr(corpus, name)) is not kind:
                raise PluginError(f"{self}: its {name} is {kind_of(value)}; it must be a {kind.__name__}")
        train, valid, test = (self._read_split(split, getattr(corpus, split)) for split in ("train", "valid", "test"))
        if not any(document.strip() for document in test.documents):
            raise PluginError(f"{self} does not have a test text")
        return replace(corpus, name=self.name, train=train, valid=valid, test=test)

    def __str__(self) -> str:
        return f"corpus '{self.name}' of {self.origin}"

    def _import(self) -> Callable[[], object]:
        try:
            function = self.entry_point.load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"{self} cannot be imported: {describe(error)}") from error
        if not callable(function):
            raise PluginError(f"{self} is {kind_of(function)}; it must be a function that returns a Corpus")
        return cast(Callable[[], object], function)

    def _read_split(self, name: str, split: object) -> Split:
        """Return a split whose documents are certainly texts that nobody changes."""
        if type(split) is not Split or not isinstance(split.documents, Sequence) or isinstance(split.documents, str):
            raise PluginError(f"{self}: its {name} is not a Split with a sequence of documents")
        for number, document in enumerate(split.documents, start=1):
            if type(document) is not str:
                raise PluginError(f"{self}: {name} document {number} is {kind_of(document)}; it must be a str")
            check_text(document, f"{self}: {name} document {number}")
        return replace(split, documents=tuple(split.documents)) if isinstance(split.documents, list) else split


def list_plugins() -> dict[str, RegisteredCorpus]:
    """Return the corpora of plugins by name, without importing them.

    If several packages register the same name, the first one in alphabetical order is used.
    """
    found = [
        RegisteredCorpus(entry.point.name, f"{entry.origin} {entry.version}", entry.point)
        for entry in list_entries(GROUP)
    ]
    by_name: dict[str, RegisteredCorpus] = {}
    for corpus in sorted(found, key=lambda corpus: (corpus.name, corpus.origin)):
        by_name.setdefault(corpus.name, corpus)
    return by_name
