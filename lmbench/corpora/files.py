"""From a user's file, folder or standard input to a corpus: compression, encoding, JSON lines, documents, splits."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lmbench.compression import decompressed, is_compressed
from lmbench.corpora import on_disk as stored
from lmbench.corpora.conllu import sentences, tagged_split
from lmbench.corpora.encoding import decode, refuse_no_text
from lmbench.corpora.on_disk import StoredDocuments
from lmbench.corpora.splitting import cut, documents, hold_out, separates_words
from lmbench.corpus import Corpus, Split, line_ended
from lmbench.errors import CorpusError

_SPLIT_NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_USE = {"training": "learn from", "test": "score"}
_BYTE_ORDER_MARK = "\ufeff"
_JSON_LINES = {".jsonl", ".ndjson"}
_TAGGED = {".conllu", ".conll"}


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a user's bytes are to be read.

    unit      what one document is, of corpus.DOCUMENT_UNITS; None: a line, and in JSON lines a record
    encoding  one of Python's, by any of its names
    field     the text's name in JSON lines; None: "text" in files named .jsonl or .ndjson, and no JSON in others
    """

    unit: str | None = None
    encoding: str = "utf-8"
    field: str | None = None

    def __post_init__(self) -> None:
        with suppress(LookupError, ValueError):  # an unknown one is left to whoever decodes, who names the file
            object.__setattr__(self, "encoding", codecs.lookup(self.encoding).name)


LINES = TextFormat()


def read_path(path: Path, form: TextFormat = LINES) -> Corpus:
    """The corpus in a text file, or in a folder with train, valid and test files.

    A single file is cut into documents and these into three contiguous parts of 80, 10 and 10 %. A folder without a
    validation file holds out the last 10 % of its training documents. Files may be compressed; a byte-order mark is no
    part of the text. A plain UTF-8 text of more than 64 MiB stays on disk. Files named .conllu or .conll are treebanks,
    whose words keep their tags. Raises CorpusError.
    """
    try:
        if path.is_dir():
            return _read_folder(path, form)
        return _divided(str(path), _split(path, form), _provenance(path, form))
    except OSError as error:
        raise CorpusError(f"cannot read {error.filename or path}: {error.strerror}") from error


def read_standard_input(form: TextFormat = LINES) -> Corpus:
    """The corpus in standard input, read and divided as a file's. Raises CorpusError."""
    name = "standard input"
    whole = Split(_parsed(sys.stdin.buffer.read(), name, form))
    return _divided("stdin", whole, _provenance(Path("stdin"), form), name)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file, or of standard input (``-``), decompressed and decoded. Raises CorpusError."""
    if str(path) == "-":
        return _decoded(sys.stdin.buffer.read(), "standard input", encoding)
    try:
        return _decoded(path.read_bytes(), str(path), encoding)
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def records(text: str, name: str, fields: Sequence[str]) -> Iterator[str]:
    """The text of each record of JSON lines, a line end added where it has none.

    Args: fields, names of which a record has one, whose value is a string. Raises CorpusError with the line's number.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _record_text(_json(line, f"{name}, line {number},"), f"{name}, line {number},", fields)


def json_records(text: str, name: str, fields: Sequence[str]) -> Iterator[str]:
    """The text of each record of a JSON list, a line end added where it has none. Raises CorpusError."""
    found = _json(text, name)
    for number, record in enumerate(found if isinstance(found, list) else [found], start=1):
        yield _record_text(record, f"{name}, record {number},", fields)


def _json(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise CorpusError(f"{where} is nested too deeply") from None
    except ValueError as error:  # no JSON, or a number of too many digits
        raise CorpusError(f"{where} is not JSON: {error}") from None


def _record_text(record: object, where: str, fields: Sequence[str]) -> str:
    """The text in the first of these fields that a record has, a string or a list of lines. Raises CorpusError."""
    if not isinstance(record, dict):
        raise CorpusError(f"{where} is no JSON object with a field '{fields[0]}'")
    field = next((field for field in fields if field in record), None)
    if field is None:
        raise CorpusError(f"{where} has no field '{fields[0]}'; it has: {', '.join(map(str, record)) or 'none'}")
    value = record[field]
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        raise CorpusError(f"{where} has no text in its field '{field}' but {type(value).__name__}")
    return refuse_no_text(line_ended(value), where.removesuffix(","))


def _split(path: Path, form: TextFormat) -> Split:
    """All documents of a file, tagged where it is a treebank."""
    if not _is_tagged(path, form):
        return Split(_documents(path, form))
    if form.unit:
        raise CorpusError(f"{path} is a treebank, whose documents are those that it marks; leave out --documents")
    return tagged_split(sentences(_decoded(path.read_bytes(), str(path), form.encoding), str(path)))


def _is_tagged(path: Path, form: TextFormat) -> bool:
    return form.field is None and bool(_TAGGED & set(path.suffixes))


def _documents(path: Path, form: TextFormat) -> Sequence[str]:
    field = _field(path, form)
    if (
        field is None
        and form.encoding == "utf-8"
        and path.stat().st_size > stored.IN_MEMORY
        and not is_compressed(path)
    ):
        return StoredDocuments.of_file(path, form.unit or "line")
    return _parsed(path.read_bytes(), str(path), form, field)


def _parsed(data: bytes, name: str, form: TextFormat, field: str | None = None) -> Sequence[str]:
    text = _decoded(data, name, form.encoding)
    if not text.strip():
        raise CorpusError(f"{name} is empty: there is nothing to score")
    field = field or form.field
    if field is None:
        return documents(text, form.unit or "line")
    texts = tuple(records(text, name, [field]))
    return documents("".join(texts), form.unit) if form.unit else texts


def _decoded(data: bytes, name: str, encoding: str) -> str:
    return decode(decompressed(data, name), name, encoding).removeprefix(_BYTE_ORDER_MARK)


def _field(path: Path, form: TextFormat) -> str | None:
    return form.field or ("text" if _JSON_LINES & set(path.suffixes) else None)


def _provenance(path: Path, form: TextFormat) -> str:
    """How a path's bytes become documents, for the signature."""
    field = _field(path, form)
    parts = ["conllu"] if _is_tagged(path, form) else [f"{form.unit or ('line' if field is None else 'record')}s"]
    parts += [f"json={field},line-ends-added"] if field else []
    parts += [f"encoding={form.encoding}"] if form.encoding != "utf-8" else []
    return ",".join(parts)


def _divided(name: str, whole: Split, provenance: str, place: str = "") -> Corpus:
    found = whole.documents
    if len(found) < 3:
        unit = "document" if whole.tagged else provenance.partition(",")[0].removesuffix("s")
        raise CorpusError(
            f"{place or name} has {len(found)} document{'s' * (len(found) != 1)} (unit: {unit}), and three splits need "
            f"at least 3; {'' if whole.tagged else _hint(found, unit)}give a folder with train, valid and test files"
        )
    train, valid, test = cut(found)
    first = len(train.documents)
    second = first + len(valid.documents)
    parts = (_tagged(train, whole, 0), _tagged(valid, whole, first), _tagged(test, whole, second))
    return _corpus(name, *parts, f"{provenance},split=80/10/10-contiguous")


def _tagged(part: Split, whole: Split, first: int) -> Split:
    """A part of a split, which begins with the document `first`, with its tags, where there are any."""
    return part if whole.tagged is None else Split(part.documents, whole.tagged[first : first + len(part.documents)])


def _hint(found: Sequence[str], unit: str) -> str:
    if unit == "line":
        return "only \\n ends a line, and it has \\r alone; " if any("\r" in text for text in found) else ""
    return "choose a smaller unit with --documents, or "


def _read_folder(folder: Path, form: TextFormat) -> Corpus:
    files = _split_files(folder)
    splits = {split: _split(file, form) for split, file in files.items()}
    provenances = {split: _provenance(file, form) for split, file in files.items()}
    provenance = f"{_common(provenances)},split=files"
    if "valid" not in splits:
        whole = splits["train"]
        if len(whole.documents) < 2:
            raise CorpusError(
                f"{folder} has no validation file, and its one training document cannot be divided; add valid.txt"
            )
        train, valid = map(Split, hold_out(whole.documents))
        splits["train"], splits["valid"] = _tagged(train, whole, 0), _tagged(valid, whole, len(train.documents))
        provenance += ",valid=last-10%-of-train"
    corpus = _corpus(str(folder), splits["train"], splits["valid"], splits["test"], provenance)
    for one, other in combinations(("train", "valid", "test"), 2):
        if getattr(corpus, one).fingerprint == getattr(corpus, other).fingerprint:
            raise CorpusError(f"the {one} and {other} files of {folder} hold the same text")
    return corpus


def _common(provenances: Mapping[str, str]) -> str:
    """How the bytes of all splits become documents; each split's way where they differ."""
    if len(set(provenances.values())) == 1:
        return provenances["train"]
    return ",".join(f"{split}={provenance}" for split, provenance in provenances.items())


def _corpus(name: str, train: Split, valid: Split, test: Split, provenance: str) -> Corpus:
    """The corpus of these splits. Raises CorpusError where there is no text to learn from, or none to score."""
    for split, found in (("training", train), ("test", test)):
        if not any(document.strip() for document in found.documents):
            raise CorpusError(f"the {split} split of {name} is blank: there is nothing to {_USE[split]}")
    tokenized = all(split.tagged is not None for split in (train, valid, test))
    spaced = separates_words(test.documents)
    return Corpus(name, train, valid, test, provenance=provenance, tokenized=tokenized, spaced=spaced)


def _split_files(folder: Path) -> dict[str, Path]:
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
            raise CorpusError(f"{folder} has no {split} file; it needs train.txt, test.txt and, best, valid.txt")
    return found
