"""The catalog of public corpora: its entries, as corpora/catalog.toml describes them."""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from lmbench.corpora.embedded import embedded_folder
from lmbench.errors import UnknownNameError


class _CatalogModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogFile(_CatalogModel):
    """One file as it is downloaded.

    Attributes:
        path: Its path in a mirror folder.
        sha256: Its SHA-256, in hexadecimal.
        urls: Its addresses, tried in order; empty if the address is the entry's `base` and the file's name.
        bytes: Its size; None if it is unknown.
    """

    path: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    urls: tuple[str, ...] = ()
    bytes: int | None = None


class SplitRule(_CatalogModel):
    """How one text is divided into training, validation and test splits; see corpora/catalog.toml."""

    by: Literal["documents", "turns", "bytes"]
    sizes: tuple[int, int, int]


class PublishedFigure(_CatalogModel):
    """A figure from the literature: the measure, the split, the convention and the source."""

    model: str
    value: float
    measure: str
    split: Literal["valid", "test"] = "test"
    convention: str
    source: str


class CatalogEntry(_CatalogModel):
    """A public corpus: its files and how to read them; corpora/catalog.toml explains the fields."""

    description: str
    language: str
    license: str
    citation: str
    holds: Literal["text", "minimal pairs", "multiple choice", "tokenizer"] = "text"
    base: str = ""
    files: tuple[CatalogFile, ...]
    splits: dict[Literal["train", "valid", "test", "all"], tuple[str, ...]] = {}
    split_rule: SplitRule | None = None
    format: Literal["text", "jsonl", "json", "conllu", "conllu-text"] = "text"
    field: tuple[str, ...] = ()
    unit: str = "line"
    strip: bool = False
    tokenized: bool = False
    spaced: bool = True
    note: str = ""
    published: tuple[PublishedFigure, ...] = ()

    @property
    def bytes(self) -> int | None:
        """Size of all files; None if the size of any is unknown."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(filter(None, sizes))

    def urls(self, file: CatalogFile) -> tuple[str, ...]:
        """Return the addresses of one of the entry's files."""
        return file.urls or (self.base + quote(file.path.rsplit("/", 1)[-1]),)


def read_catalog() -> dict[str, CatalogEntry]:
    """Return the public corpora by name."""
    text = (embedded_folder() / "catalog.toml").read_text(encoding="utf-8")
    return {name: CatalogEntry.model_validate(entry) for name, entry in tomllib.loads(text).items()}


def find_entry(name: str) -> CatalogEntry:
    """Return the entry of this name.

    Raises:
        UnknownNameError: The catalog does not list the name.
    """
    entries = read_catalog()
    if name not in entries:
        raise UnknownNameError("corpus of the catalog", name, entries)
    return entries[name]
