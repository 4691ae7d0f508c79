"""The catalog: the entries of corpora/catalog.toml, and those of the user's own catalog."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from lmbench.corpora.embedded import embedded_folder
from lmbench.errors import CorpusError, UnknownNameError
from lmbench.printable import printable

CATALOG = "LMBENCH_CATALOG"
"""The environment variable that names the user's own catalog."""

_NAME = re.compile(r"\w[\w.-]*")  # without the colons, commas and spaces that separate names and options


class _CatalogModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogFile(_CatalogModel):
    """One file as it is downloaded.

    Attributes:
        path: Its path in a mirror folder, or in the folder of the user's own catalog.
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
    sizes: tuple[NonNegativeInt, NonNegativeInt, PositiveInt]


class PublishedFigure(_CatalogModel):
    """A figure from the literature: the measure, the split, the convention and the source."""

    model: str
    value: float
    measure: str
    split: Literal["valid", "test"] = "test"
    convention: str
    source: str


class PublishedTable(_CatalogModel):
    """Figures from the literature on each group of a task's items.

    Attributes:
        group: What the groups are, such as "paradigm".
        measure: The measure.
        convention: How the figures were measured.
        source: Where they were published.
        models: The models.
        values: For each group, the value of each model.
    """

    group: str
    measure: str
    convention: str
    source: str
    models: tuple[str, ...]
    values: dict[str, tuple[float, ...]]

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        for group, values in self.values.items():
            if len(values) != len(self.models):
                raise ValueError(f"values.{group} has {len(values)} values for {len(self.models)} models")
        return self

    def means(self, groups: Collection[str]) -> dict[str, float]:
        """Return the mean of each model over these groups; an empty dictionary if one of them is not in the table."""
        if not groups or any(group not in self.values for group in groups):
            return {}
        columns = zip(*(self.values[group] for group in groups), strict=True)
        return dict(zip(self.models, map(fmean, columns), strict=True))


class CatalogEntry(_CatalogModel):
    """A corpus: its files and how to read them; corpora/catalog.toml explains the fields."""

    description: str
    language: str = ""
    license: str = ""
    citation: str = ""
    holds: Literal["text", "minimal pairs", "multiple choice", "tokenizer"] = "text"
    base: str = ""
    files: tuple[CatalogFile, ...]
    splits: dict[Literal["train", "valid", "test", "all"], tuple[str, ...]] = {}
    split_rule: SplitRule | None = None
    format: Literal["text", "jsonl", "json", "csv", "tsv", "conllu", "conllu-text"] = "text"
    field: tuple[str, ...] = ()
    unit: str = "line"
    strip: bool = False
    tokenized: bool = False
    spaced: bool = True
    note: str = ""
    published: tuple[PublishedFigure, ...] = ()
    published_by: PublishedTable | None = None

    @property
    def bytes(self) -> int | None:
        """Size of all files; None if the size of any is unknown."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(filter(None, sizes))

    def urls(self, file: CatalogFile) -> tuple[str, ...]:
        """Return the addresses of one of the entry's files."""
        return file.urls or (self.base + quote(file.path.rsplit("/", 1)[-1]),)


_ENTRIES = TypeAdapter(dict[str, CatalogEntry])


def read_catalog() -> dict[str, CatalogEntry]:
    """Return the entries by name: those of lmbench, and then the user's own.

    Raises:
        CorpusError: The user's catalog cannot be read, or has an entry that cannot be used.
    """
    from lmbench.corpora.loading import EMBEDDED  # not at the top: that module reads the catalog

    public = _read_entries(embedded_folder() / "catalog.toml")
    path = own_catalog()
    if not path.is_file():
        return public
    own = _read_entries(path)
    for name, entry in own.items():
        is_taken = name in public or name in EMBEDDED
        if wrong := "is the name of a corpus of lmbench" if is_taken else _find_mistake(name, entry):
            raise CorpusError(printable(f"{path}: [{name}] {wrong}"))
    return public | own


def own_catalog() -> Path:
    """Return the path of the user's own catalog, which need not exist. Its files may be in its folder.

    Raises:
        CorpusError: LMBENCH_CATALOG names something that is not a file.
    """
    import platformdirs  # not at the top: `lmbench --help` must be quick

    named = os.environ.get(CATALOG)
    if not named:
        return platformdirs.user_config_path("lmbench") / "catalog.toml"
    path = Path(os.path.expanduser(named))  # noqa: PTH111  (Path.expanduser raises for an unknown user)
    if not path.is_file():
        raise CorpusError(f"{CATALOG} names '{printable(named)}', which is not a file")
    return path


def _find_mistake(name: str, entry: CatalogEntry) -> str:
    """Return what is wrong with the name or the splits of an entry; "" if nothing is."""
    if not _NAME.fullmatch(name):
        return "cannot name a corpus; use letters, digits, dots and hyphens"
    listed = {file.path for file in entry.files}
    parts = [part for parts in entry.splits.values() for part in parts]
    if unknown := [part for part in parts if part.partition("!")[0] not in listed]:
        return f"splits: '{unknown[0]}' is not listed in files"
    files = entry.splits.get("all" if entry.split_rule else "test", ())
    missing = "splits.all is missing" if entry.split_rule else "splits.test is missing"
    return missing if entry.holds == "text" and not files else ""


def _read_entries(path: Path) -> dict[str, CatalogEntry]:
    """Return the entries of a file, which is parsed again only if it has changed."""
    try:
        state = path.stat()
        return dict(_parse_entries(path, state.st_mtime_ns, state.st_size))
    except ValidationError as error:
        first = error.errors()[0]
        name, *where = map(str, first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        place = f"[{name}] {'.'.join(where)}: " if where else f"[{name}] "
        raise CorpusError(printable(f"{path}: {place}{message}")) from None
    except OSError as error:
        raise CorpusError(printable(f"cannot read {path}: {error.strerror}")) from None
    except ValueError as error:
        raise CorpusError(printable(f"{path} is not TOML: {error}")) from None


@cache
def _parse_entries(path: Path, changed: int, size: int) -> dict[str, CatalogEntry]:
    return _ENTRIES.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))


def find_entry(name: str) -> CatalogEntry:
    """Return the entry of this name.

    Raises:
        UnknownNameError: The catalog does not list the name.
    """
    entries = read_catalog()
    if name not in entries:
        raise UnknownNameError("corpus of the catalog", name, entries)
    return entries[name]
