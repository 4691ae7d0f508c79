"""Corpora that users bring: a text file, a folder with splits, or standard input."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lmbench.compression import decompress, is_compressed
from lmbench.corpora.conllu import parse_sentences, tagged_split
from lmbench.corpora.encoding import decode
from lmbench.corpora.on_disk import StoredDocuments, is_large
from lmbench.corpora.records import parse_json_lines
from lmbench.corpora.splitting import cut_into_documents, divide, hold_out, separates_words
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError

_SPLIT_NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_USE = {"training": "learn from", "test": "score"}
_BYTE_ORDER_MARK = "\ufeff"
_JSON_LINES = {".jsonl", ".ndjson"}
_TREEBANK = {".conllu", ".conll"}


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How to read a user's bytes.

    Attributes:
        unit: What one document is, one of splitting.DOCUMENT_UNITS. None: a line, or a record of JSON lines.
        encoding: One of Python's encodings, by any of its names.
        field: The field of JSON lines that holds the text. None: "text" in files named .jsonl or .ndjson; other files
            are plain text.
    """

    unit: str | None = None
    encoding: str = "utf-8"
    field: str | None = None

    def __post_init__(self) -> None:
        with suppress(LookupError, ValueError):  # decoding reports an unknown encoding, with the file's name
            object.__setattr__(self, "encoding", codecs.lookup(self.encoding).name)


LINES = TextFormat()
"""Plain UTF-8 text, one document a line."""


def read_path(path: Path, text_format: TextFormat = LINES) -> Corpus:
    """Read the corpus in a text file, or in a folder with train, valid and test files.

    The documents of a single file are divided, in order, into three parts of 80, 10 and 10 %. If a folder lacks a
    validation file, the last 10 % of its training documents are held out. Files may be compressed, and a byte-order
    mark is skipped. Plain UTF-8 text of more than 64 MiB stays on disk. Files named .conllu or .conll are treebanks,
    whose words keep their tags.

    Raises:
        CorpusError: The text cannot be read, is empty, or cannot be divided.
    """
    try:
        if path.is_dir():
            return _read_folder(path, text_format)
        return _divide(str(path), _read_split(path, text_format), _provenance(path, text_format))
    except OSError as error:
        raise CorpusError(f"cannot read {error.filename or path}: {error.strerror}") from error


def read_standard_input(text_format: TextFormat = LINES) -> Corpus:
    """Read the corpus in standard input, as from a single file.

    Raises:
        CorpusError: The text cannot be read, is empty, or cannot be divided.
    """
    name = "standard input"
    whole = Split(_parse_documents(sys.stdin.buffer.read(), name, text_format))
    return _divide("stdin", whole, _provenance(Path("stdin"), text_format), name)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file, or of standard input (``-``), decompressed and decoded.

    Raises:
        CorpusError: The file cannot be read or decoded.
    """
    if str(path) == "-":
        return _decode(sys.stdin.buffer.read(), "standard input", encoding)
    try:
        return _decode(path.read_bytes(), str(path), encoding)
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def _read_split(path: Path, text_format: TextFormat) -> Split:
    """Read all documents of a file, with their tags if it is a treebank."""
    if not _is_treebank(path, text_format):
        return Split(_read_documents(path, text_format))
    if text_format.unit:
        raise CorpusError(f"{path} is a treebank, which marks its own documents; leave out --documents")
    return tagged_split(parse_sentences(_decode(path.read_bytes(), str(path), text_format.encoding), str(path)))


def _is_treebank(path: Path, text_format: TextFormat) -> bool:
    return text_format.field is None and bool(_TREEBANK & set(path.suffixes))


def _read_documents(path: Path, text_format: TextFormat) -> Sequence[str]:
    field = _json_field(path, text_format)
    is_plain = field is None and text_format.encoding == "utf-8"
    if is_plain and is_large(path.stat().st_size) and not is_compressed(path):
        return StoredDocuments.of_file(path, text_format.unit or "line")
    return _parse_documents(path.read_bytes(), str(path), text_format, field)


def _parse_documents(data: bytes, name: str, text_format: TextFormat, field: str | None = None) -> Sequence[str]:
    text = _decode(data, name, text_format.encoding)
    if not text.strip():
        raise CorpusError(f"{name} is empty: there is nothing to score")
    field = field or text_format.field
    if field is None:
        return cut_into_documents(text, text_format.unit or "line")
    texts = tuple(parse_json_lines(text, name, [field]))
    return cut_into_documents("".join(texts), text_format.unit) if text_format.unit else texts


def _decode(data: bytes, name: str, encoding: str) -> str:
    return decode(decompress(data, name), name, encoding).removeprefix(_BYTE_ORDER_MARK)


def _json_field(path: Path, text_format: TextFormat) -> str | None:
    return text_format.field or ("text" if _JSON_LINES & set(path.suffixes) else None)


def _provenance(path: Path, text_format: TextFormat) -> str:
    """Return how a path's bytes become documents, for the signature."""
    field = _json_field(path, text_format)
    unit = text_format.unit or ("line" if field is None else "record")
    parts = ["conllu"] if _is_treebank(path, text_format) else [f"{unit}s"]
    parts += [f"json={field},line-ends-added"] if field else []
    parts += [f"encoding={text_format.encoding}"] if text_format.encoding != "utf-8" else []
    return ",".join(parts)


def _divide(name: str, whole: Split, provenance: str, place: str = "") -> Corpus:
    """Divide the documents of a single file into a corpus; `place` names the file in errors, by default `name`."""
    found = whole.documents
    if len(found) < 3:
        unit = "document" if whole.tagged else provenance.partition(",")[0].removesuffix("s")
        hint = "" if whole.tagged else _too_few_hint(found, unit)
        raise CorpusError(
            f"{place or name} has {len(found)} document{'s' * (len(found) != 1)} (unit: {unit}), and three splits need "
            f"at least 3; {hint}give a folder with train, valid and test files"
        )
    train, valid, test = divide(found)
    first = len(train.documents)
    second = first + len(valid.documents)
    parts = (_add_tags(train, whole, 0), _add_tags(valid, whole, first), _add_tags(test, whole, second))
    return _make_corpus(name, *parts, f"{provenance},split=80/10/10-contiguous")


def _add_tags(part: Split, whole: Split, first: int) -> Split:
    """Return `part`, whose first document is number `first` of `whole`, with the tags of `whole`, if any."""
    return part if whole.tagged is None else Split(part.documents, whole.tagged[first : first + len(part.documents)])


def _too_few_hint(found: Sequence[str], unit: str) -> str:
    if unit == "line":
        return "only \\n ends a line, and it has \\r alone; " if any("\r" in text for text in found) else ""
    return "choose a smaller unit with --documents, or "


def _read_folder(folder: Path, text_format: TextFormat) -> Corpus:
    files = _find_split_files(folder)
    splits = {split: _read_split(file, text_format) for split, file in files.items()}
    provenances = {split: _provenance(file, text_format) for split, file in files.items()}
    provenance = f"{_join_provenances(provenances)},split=files"
    if "valid" not in splits:
        splits["train"], splits["valid"] = _hold_out(splits["train"], folder)
        provenance += ",valid=last-10%-of-train"
    corpus = _make_corpus(str(folder), splits["train"], splits["valid"], splits["test"], provenance)
    for one, other in combinations(("train", "valid", "test"), 2):
        if getattr(corpus, one).fingerprint == getattr(corpus, other).fingerprint:
            raise CorpusError(f"the {one} and {other} files of {folder} hold the same text")
    return corpus


def _hold_out(whole: Split, folder: Path) -> tuple[Split, Split]:
    if len(whole.documents) < 2:
        raise CorpusError(
            f"{folder} lacks a validation file, and its only training document cannot be divided; add valid.txt"
        )
    train, valid = map(Split, hold_out(whole.documents))
    return _add_tags(train, whole, 0), _add_tags(valid, whole, len(train.documents))


def _join_provenances(provenances: Mapping[str, str]) -> str:
    """Return the provenance of all splits: a single one if they agree, else one for each split."""
    if len(set(provenances.values())) == 1:
        return provenances["train"]
    return ",".join(f"{split}={provenance}" for split, provenance in provenances.items())


def _make_corpus(name: str, train: Split, valid: Split, test: Split, provenance: str) -> Corpus:
    for split, found in (("training", train), ("test", test)):
        if not any(document.strip() for document in found.documents):
            raise CorpusError(f"the {split} split of {name} is blank: there is nothing to {_USE[split]}")
    tokenized = all(split.tagged is not None for split in (train, valid, test))
    spaced = separates_words(test.documents)
    return Corpus(name, train, valid, test, provenance=provenance, tokenized=tokenized, spaced=spaced)


def _find_split_files(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    found: dict[str, Path] = {}
    for split, words in _SPLIT_NAMES.items():
        matches = [file for file in files if set(re.split(r"[._-]", file.name.lower())) & set(words)]
        if set(matches) & set(found.values()):
            raise CorpusError(f"{folder}/{matches[0].name} is named like two splits; a split needs a file of its own")
        if len(matches) > 1:
            raise CorpusError(f"{folder} has more than one {split} file: {', '.join(file.name for file in matches)}")
        if matches:
            found[split] = matches[0]
        elif split != "valid":
            raise CorpusError(f"{folder} lacks a {split} file; it needs train.txt, test.txt and preferably valid.txt")
    return found
