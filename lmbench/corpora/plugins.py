"""Corpora of plugins: functions that packages register as entry points of the group ``lmbench.corpora``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from lmbench.corpora.encoding import check_text
from lmbench.corpus import Corpus, Split
from lmbench.entry_points import RegisteredFunction, list_functions
from lmbench.errors import PluginError, kind_of

GROUP = "lmbench.corpora"

_FACTS: dict[str, type] = {
    **dict.fromkeys(("provenance", "description", "floor_note", "note"), str),
    **dict.fromkeys(("tokenized", "spaced"), bool),
}
"""The fields of a corpus that are not splits, with their types."""


class RegisteredCorpus(RegisteredFunction):
    """A registered corpus, not yet imported."""

    __slots__ = ()

    noun: ClassVar[str] = "corpus"
    returned: ClassVar[str] = "a Corpus"

    def load(self) -> Corpus:
        """Return the corpus, under its registered name.

        Raises:
            LmbenchError: The function raised it. Any other error of the function becomes a PluginError.
            PluginError: The function cannot be imported, or does not return a corpus.
        """
        corpus = self.call()
        if type(corpus) is not Corpus:
            raise PluginError(f"{self} is {kind_of(corpus)}; its function must return a Corpus")
        self.check_fields(corpus, _FACTS)
        train, valid, test = (self._read_split(split, getattr(corpus, split)) for split in ("train", "valid", "test"))
        if not any(document.strip() for document in test.documents):
            raise PluginError(f"{self} does not have a test text")
        return replace(corpus, name=self.name, train=train, valid=valid, test=test)

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
    """Return the corpora of plugins by name, without importing them."""
    return list_functions(GROUP, RegisteredCorpus)
