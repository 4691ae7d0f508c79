"""From a corpus's name to its verified bytes: embedded corpora, the catalogue's public ones, and paths."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from lmbench.corpus import Corpus, Split, corpora_folder, decode, documents, read_path, strip_lines
from lmbench.errors import CorpusError, UnavailableError, UnknownNameError
from lmbench.fables import fables
from lmbench.pydocs import pydocs
from lmbench.sources import markov

MIRROR = "LMBENCH_MIRROR"
EMBEDDED: dict[str, Callable[[], Corpus]] = {
    "pydocs": pydocs,
    "fables-en": partial(fables, "en"),
    "fables-zh": partial(fables, "zh"),
    "markov": markov,
}


class CatalogueFile(BaseModel):
    """One file of a public corpus."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    url: str
    sha256: str


class CatalogueEntry(BaseModel):
    """A public corpus: where its files are, and how they are read (see corpora/catalogue.toml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    language: str
    licence: str
    citation: str
    unit: str
    strip: bool
    tokenised: bool
    train: CatalogueFile
    valid: CatalogueFile
    test: CatalogueFile

    @property
    def is_here(self) -> bool:
        """Whether all files lie in the mirror or the cache (their checksums are verified when they are read)."""
        return all(_local(file) is not None for file in (self.train, self.valid, self.test))


def catalogue() -> dict[str, CatalogueEntry]:
    """The public corpora by name."""
    text = (corpora_folder() / "catalogue.toml").read_text(encoding="utf-8")
    return {name: CatalogueEntry.model_validate(entry) for name, entry in tomllib.loads(text).items()}


def load_corpus(name: str, unit: str | None = None) -> Corpus:
    """The corpus that `name` names: embedded, in the catalogue, or a path to a text file or a folder.

    Args: unit, what one document of a file is ("line" unless given). Raises CorpusError, UnavailableError, or
    UnknownNameError.
    """
    entries = catalogue()
    if unit is not None and (name in EMBEDDED or name in entries):
        raise CorpusError(f"the documents of '{name}' are fixed; --documents is for files and folders")
    if name in EMBEDDED:
        return EMBEDDED[name]()
    if name in entries:
        return _read_entry(name, entries[name])
    path = Path(name).expanduser()
    if path.exists():
        return read_path(path, unit or "line")
    if len(path.parts) > 1 or path.suffix:
        raise CorpusError(
            f"there is no file or folder '{name}'; a corpus is a path or one of: {', '.join(known_names())}"
        )
    raise UnknownNameError("corpus", name, known_names())


def known_names() -> list[str]:
    """The names of all embedded and catalogued corpora."""
    return [*EMBEDDED, *catalogue()]


def _read_entry(name: str, entry: CatalogueEntry) -> Corpus:
    return Corpus(
        name,
        train=_read_split(entry, entry.train),
        valid=_read_split(entry, entry.valid),
        test=_read_split(entry, entry.test),
        reading=f"{entry.unit}s{',lines-stripped' * entry.strip},split=files",
        tokenised=entry.tokenised,
        description=entry.description,
    )


def _read_split(entry: CatalogueEntry, file: CatalogueFile) -> Split:
    text = decode(_verified(file), file.path)
    return Split(documents(strip_lines(text) if entry.strip else text, entry.unit))


def _verified(file: CatalogueFile) -> bytes:
    """The file's bytes, whose sha256 is the catalogue's. Downloads to the cache what is nowhere on this machine."""
    local = _local(file) or _download(file)
    data = local.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise CorpusError(
            f"{local} is not the catalogue's file: sha256 {found[:12]}…, expected {file.sha256[:12]}…; delete it"
        )
    return data


def _local(file: CatalogueFile) -> Path | None:
    places = [_cache_folder() / file.path]
    if mirror := os.environ.get(MIRROR):
        places.insert(0, Path(mirror) / file.path)
    return next((place for place in places if place.is_file()), None)


def _download(file: CatalogueFile) -> Path:
    import pooch
    import requests

    target = _cache_folder() / file.path
    try:
        downloaded = pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            path=target.parent,
            fname=target.name,
            progressbar=False,
        )
    except requests.RequestException as error:
        reason = type(error).__name__
        raise UnavailableError(
            f"cannot download {file.url} ({reason}); "
            f"put the file at {target}, or let {MIRROR} name a folder with {file.path}"
        ) from error
    except ValueError as error:
        raise CorpusError(
            f"what {file.url} gives has another sha256 than the catalogue says; nothing was kept"
        ) from error
    return Path(downloaded)


def _cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("lmbench") / "corpora"
