"""Reading of the catalog's entries: from their files to a corpus."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Literal

from lmbench.corpora.catalog import CatalogEntry, SplitRule
from lmbench.corpora.conllu import parse_sentences, tagged_split, text_split
from lmbench.corpora.download import cache_path
from lmbench.corpora.encoding import decode
from lmbench.corpora.fetching import fetch_file
from lmbench.corpora.on_disk import StoredDocuments, is_large
from lmbench.corpora.records import parse_json_lines, parse_json_list, parse_table
from lmbench.corpora.splitting import cut_into_documents, strip_lines
from lmbench.corpus import Corpus, Split, divide, with_line_end
from lmbench.errors import CorpusError
from lmbench.progress import SILENT, Progress

_SPLITS: tuple[Literal["train", "valid", "test"], ...] = ("train", "valid", "test")


def read_entry(name: str, entry: CatalogEntry, progress: Progress = SILENT) -> Corpus:
    """Read the corpus of an entry; files that are not on this machine are downloaded.

    Raises:
        CorpusError: The entry does not hold text, or a file is not the catalog's.
        UnavailableError: A file cannot be downloaded.
    """
    require_text(name, entry)
    train, valid, test = _read_splits(entry, progress)
    return Corpus(
        name,
        train,
        valid,
        test,
        provenance=_provenance(entry),
        tokenized=entry.tokenized,
        description=entry.description,
        spaced=entry.spaced,
        note=entry.note,
    )


def require_text(name: str, entry: CatalogEntry) -> None:
    """Check that an entry holds text.

    Raises:
        CorpusError: It holds something else.
    """
    if entry.holds != "text":
        command = f"corpora show {name}" if entry.holds == "tokenizer" else "tasks"
        raise CorpusError(f"'{name}' is not a text to model; it holds {entry.holds}: see `lmbench {command}`")


def _provenance(entry: CatalogEntry) -> str:
    """Return how an entry's bytes become documents and splits, for the signature."""
    unit = f"{entry.unit}s" if entry.format == "text" else entry.format
    unit += f"={'/'.join(entry.field)}" if entry.field else ""
    stripped = ",lines-stripped" * entry.strip
    rule = entry.split_rule
    split = f"{rule.by}-{'/'.join(map(str, rule.sizes))}" if rule else "files"
    return f"{unit}{stripped},split={split}"


def _read_splits(entry: CatalogEntry, progress: Progress) -> tuple[Split, Split, Split]:
    if entry.split_rule:
        return _divide_text(entry, entry.split_rule, progress)
    read = _read_treebank if entry.format in ("conllu", "conllu-text") else _read_text_split
    train, valid, test = (read(entry, entry.splits.get(split, ()), progress) for split in _SPLITS)
    return train, valid, test


def _divide_text(entry: CatalogEntry, rule: SplitRule, progress: Progress) -> tuple[Split, Split, Split]:
    """Read the whole text of an entry, and divide it by the rule."""
    texts = [_read_text(entry, part, progress) for part in entry.splits["all"]]
    if rule.by == "bytes":
        train, valid, test = (Split(_documents(entry, text)) for text in _divide_bytes("".join(texts), rule.sizes))
        return train, valid, test
    documents = tuple(document for text in texts for document in _documents(entry, text))
    return divide(Split(documents), rule.sizes) if rule.by == "documents" else _take_turns(documents, rule.sizes)


def _divide_bytes(text: str, sizes: tuple[int, int, int]) -> tuple[str, str, str]:
    """Divide `text` after these numbers of UTF-8 bytes; a character on a border belongs to the part before it."""
    data = text.encode()
    ends = [0]
    for size in sizes[:2]:
        end = ends[-1] + size
        while end < len(data) and data[end] & 0xC0 == 0x80:  # inside a character
            end += 1
        ends.append(end)
    first, second, third = (data[start:end].decode() for start, end in pairwise([*ends, len(data)]))
    return first, second, third


def _take_turns(documents: tuple[str, ...], sizes: tuple[int, int, int]) -> tuple[Split, Split, Split]:
    """Of every sum(sizes) documents, use the first for training, the next for validation, the last for the test."""
    bounds = (0, sizes[0], sizes[0] + sizes[1], sum(sizes))
    train, valid, test = (
        Split(tuple(document for i, document in enumerate(documents) if low <= i % bounds[-1] < high))
        for low, high in pairwise(bounds)
    )
    return train, valid, test


def _read_treebank(entry: CatalogEntry, parts: Sequence[str], progress: Progress) -> Split:
    found = [sentence for part in parts for sentence in parse_sentences(_read_text(entry, part, progress), part)]
    return tagged_split(found) if entry.format == "conllu" else text_split(found)


def _read_text_split(entry: CatalogEntry, parts: Sequence[str], progress: Progress) -> Split:
    """Read the documents of these parts; a single large text stays on disk."""
    held: list[str] = []
    for part in parts:
        with _open_part(entry, part, progress) as (file, size):
            if is_large(size) and entry.format == "text" and len(parts) == 1:
                return Split(StoredDocuments.of_file(_extract(entry, part, file), entry.unit))
            text = decode(file.read(), part)
        held += _documents(entry, text)
    return Split(tuple(held))


def _read_text(entry: CatalogEntry, part: str, progress: Progress) -> str:
    with _open_part(entry, part, progress) as (file, _):
        return decode(file.read(), part)


def _documents(entry: CatalogEntry, text: str) -> tuple[str, ...]:
    if entry.format == "jsonl":
        return tuple(parse_json_lines(text, entry.description, entry.field))
    if entry.format == "json":
        return tuple(parse_json_list(text, entry.description, entry.field))
    if entry.format in ("csv", "tsv"):
        column = entry.field[0] if entry.field else "text"
        return tuple(map(with_line_end, parse_table(text, entry.description, entry.format).column(column)))
    return cut_into_documents(strip_lines(text) if entry.strip else text, entry.unit)


@contextmanager
def _open_part(entry: CatalogEntry, part: str, progress: Progress) -> Iterator[tuple[IO[bytes], int]]:
    """Open ``FILE``, or ``FILE!MEMBER`` in a zip archive; give its bytes and their number."""
    path, _, member = part.partition("!")
    [file] = [file for file in entry.files if file.path == path]
    place = fetch_file(entry, file, progress)
    try:
        if not member:
            with place.open("rb") as opened:
                yield opened, place.stat().st_size
        else:
            with zipfile.ZipFile(place) as archive, archive.open(member) as opened:
                yield opened, archive.getinfo(member).file_size
    except (zipfile.BadZipFile, KeyError) as error:
        raise CorpusError(f"cannot read {member} in {place}: {error}") from error
    except OSError as error:
        raise CorpusError(f"cannot read {place}: {error.strerror or error}") from error


def _extract(entry: CatalogEntry, part: str, file: IO[bytes]) -> Path:
    """Return a file with the text of `part`; an archive's member or stripped lines are written into the cache."""
    path, _, member = part.partition("!")
    if not member and not entry.strip:
        return Path(file.name)
    [sha256] = [file.sha256 for file in entry.files if file.path == path]
    target = cache_path(hashlib.sha256(f"{sha256}!{member}!{entry.strip}".encode()).hexdigest())
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        try:
            with partial.open("wb") as copy:
                copy.writelines(map(_strip, file) if entry.strip else file)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return target


def _strip(line: bytes) -> bytes:
    text = line.removesuffix(b"\n")
    return text.strip(b" ") + line[len(text) :]
