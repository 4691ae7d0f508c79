"""Texts that travel to other machines: documents that stay in a file take the file with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lmbench.corpora.on_disk import JoinedDocuments, StoredDocuments
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError

_CHUNK = 64 << 20  # bytes

Reference = Any
"""What stands for an array that was sent ahead."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A corpus, with references to the contents of the files that its documents stay in.

    Attributes:
        corpus: The corpus, as it is on the machine that sends it.
        files: The parts of each file, which are arrays of bytes that were sent ahead.
    """

    corpus: Corpus
    files: Mapping[Path, Sequence[Reference]]

    def open(self, folder: Path, fetch: Callable[[Reference], Any]) -> Corpus:
        """Return the corpus on this machine. Files that are not here are written.

        Args:
            folder: A folder for the files.
            fetch: Returns the array of a reference.

        Raises:
            CorpusError: A file cannot be written.
        """
        places = {}
        for number, documents in enumerate(_list_files(self.corpus).values()):
            if _read_state(documents.path) != documents.state:
                places[documents.path] = folder / f"text-{number}"
                _write(places[documents.path], map(fetch, self.files[documents.path]))
        return _relocate(self.corpus, places) if places else self.corpus


def pack(corpus: Corpus, send: Callable[[Any], Reference]) -> Parcel:
    """Return a parcel with a corpus.

    Args:
        corpus: The corpus.
        send: Sends an array of bytes ahead, and returns a reference to it.

    Raises:
        CorpusError: A file cannot be read, or has changed since it was read.
    """
    return Parcel(corpus, {path: _send(documents, send) for path, documents in _list_files(corpus).items()})


def _list_files(corpus: Corpus) -> dict[Path, StoredDocuments]:
    """Return some documents of each file of a corpus, by its path."""
    splits = (corpus.train, corpus.valid, corpus.test)
    return {stored.path: stored for split in splits for stored in _list_stored(split.documents)}


def _list_stored(documents: Sequence[str]) -> Iterator[StoredDocuments]:
    if isinstance(documents, StoredDocuments):
        yield documents
    elif isinstance(documents, JoinedDocuments):
        for part in documents.parts:
            yield from _list_stored(part)


def _send(documents: StoredDocuments, send: Callable[[Any], Reference]) -> list[Reference]:
    """Send a file in parts, so that it need not fit into memory."""
    parts = []
    try:
        with documents.path.open("rb") as file:
            while part := file.read(_CHUNK):
                parts.append(send(np.frombuffer(part, np.uint8)))
    except OSError as error:
        raise CorpusError(f"cannot read {documents.path}: {error.strerror}") from error
    if _read_state(documents.path) != documents.state:
        raise CorpusError(f"{documents.path} has changed since it was first read; start again")
    return parts


def _write(path: Path, parts: Iterator[Any]) -> None:
    try:
        with path.open("wb") as file:
            for part in parts:
                file.write(part)
    except OSError as error:
        raise CorpusError(f"cannot write {path}: {error.strerror}") from error


def _read_state(path: Path) -> tuple[int, int] | None:
    """Return the size and the modification time of a file, as StoredDocuments do; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _relocate(corpus: Corpus, places: Mapping[Path, Path]) -> Corpus:
    """Return a corpus whose documents stay in other files with the same contents."""
    train, valid, test = (_relocate_split(split, places) for split in (corpus.train, corpus.valid, corpus.test))
    return replace(corpus, train=train, valid=valid, test=test)


def _relocate_split(split: Split, places: Mapping[Path, Path]) -> Split:
    return replace(split, documents=_relocate_documents(split.documents, places))


def _relocate_documents(documents: Sequence[str], places: Mapping[Path, Path]) -> Sequence[str]:
    if isinstance(documents, JoinedDocuments):
        return JoinedDocuments(tuple(_relocate_documents(part, places) for part in documents.parts))
    if not isinstance(documents, StoredDocuments) or documents.path not in places:
        return documents
    path = places[documents.path]
    return replace(documents, path=path, state=_read_state(path) or documents.state)
