"""What there is to say of corpora, for `lmbench corpora`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lmbench.corpora.catalog import CatalogEntry, CatalogFile, catalog
from lmbench.corpus import Corpus


def listing(embedded: dict[str, Corpus]) -> Iterator[str]:
    """One line a corpus that has a name."""
    for name, corpus in embedded.items():
        yield f"{name:<20} {corpus.description} [embedded]"
    for name, entry in catalog().items():
        size = "to be downloaded" if entry.bytes is None else f"to be downloaded, {entry.bytes / 1e6:.1f} MB"
        yield f"{name:<20} {entry.description} [{entry.license}; {'here' if entry.is_here else size}]"


def explained(name: str, entry: CatalogEntry, corpus: Corpus | None) -> Iterator[str]:
    """An entry line by line. Args: corpus, what it is read as, where it is a text that is here."""
    yield f"{name}: {entry.description}\n"
    yield f"  language  {entry.language}"
    yield f"  license   {entry.license}"
    yield f"  citation  {entry.citation}"
    yield f"  holds     {entry.holds}{'' if corpus is None else f', read as {corpus.provenance}'}"
    for file in entry.files:
        yield from _file(entry, file)
    if corpus is not None:
        yield from splits(corpus)
    for figure in entry.published:
        measure = f"{figure.value:g} {figure.measure} ({figure.split})"
        yield f"  published {measure}: {figure.model} ({figure.convention}) [{figure.source}]"


def splits(corpus: Corpus) -> Iterator[str]:
    """The splits of a corpus, line by line."""
    for split, text in (("train", corpus.train), ("valid", corpus.valid), ("test", corpus.test)):
        yield f"  {split:<9} {len(text.documents):,} documents, {text.size:,} bytes, sha256 {text.fingerprint[:12]}…"
    if corpus.floor_note:
        yield f"  floor     {corpus.floor_note}"


def _file(entry: CatalogEntry, file: CatalogFile) -> Iterator[str]:
    place = entry.place(file)
    counts = f"{file.bytes:,} bytes" if file.bytes is not None else "size unknown"
    if place is not None and not file.path.endswith(".zip"):
        counts = _counted(place)
    yield f"  file      {file.path}: {counts}; {'to be downloaded' if place is None else 'here'}"
    yield f"            {' or '.join(entry.urls(file))}"
    yield f"            sha256 {file.sha256}"


def _counted(place: Path) -> str:
    """Bytes, lines and words of a file as wc counts them, and how many different words it has."""
    data = place.read_bytes()
    words = data.split()
    lines = data.count(b"\n")
    return f"{len(data):,} bytes, {lines:,} lines, {len(words):,} words, {len(set(words)):,} different ones"
