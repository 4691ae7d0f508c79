"""From a user's file, folder or standard input to a corpus: compression, encoding, JSON lines, documents, splits."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmbench.compression import decompressed, is_compressed
from lmbench.corpus import Corpus, Split, cut, decode, documents
from lmbench.errors import CorpusError
from lmbench.stored import StoredDocuments

_SPLIT_NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_SIZES = (8, 1, 1)
_HELD_OUT = 0.1  # of the training documents, where there is no validation file
_IN_MEMORY = 64 << 20  # bytes; a larger text file stays on disk
_JSON_LINES = {".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a user's bytes are to be read.

    unit      what one document is, of corpus.DOCUMENT_UNITS; None: a line, and in JSON lines a record
    encoding  one of Python's
    field     the text's name in JSON lines; None: "text" in files named .jsonl or .ndjson, and no JSON in others
    """

    unit: str | None = None
    encoding: str = "utf-8"
    field: str | None = None


LINES = TextFormat()


def read_path(path: Path, form: TextFormat = LINES) -> Corpus:
    """The corpus in a text file, or in a folder with train, valid and test files.

    A single file is cut into documents and these into three contiguous parts of 80, 10 and 10 %. A folder without a
    validation file holds out the last 10 % of its training documents. Files may be compressed. A plain UTF-8 text of
    more than 64 MiB stays on disk. Raises CorpusError.
    """
    if path.is_dir():
        return _read_folder(path, form)
    return _divided(str(path), _documents(path, form), _reading(path, form))


def read_standard_input(form: TextFormat = LINES) -> Corpus:
    """The corpus in standard input, read and divided as a file's. Raises CorpusError."""
    name = "standard input"
    cut_documents = _parsed(sys.stdin.buffer.read(), name, form)
    return _divided("stdin", cut_documents, _reading(Path("stdin"), form), name)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file, or of standard input (``-``), decompressed and decoded. Raises CorpusError."""
    if str(path) == "-":
        return decode(decompressed(sys.stdin.buffer.read(), "standard input"), "standard input", encoding)
    return decode(decompressed(_bytes(path), str(path)), str(path), encoding)


def records(text: str, name: str, fields: Sequence[str]) -> Iterator[str]:
    """The text of each record of JSON lines, a line end added where it has none.

    Args: fields, names of which a record has one, whose value is a string. Raises CorpusError with the line's number.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise CorpusError(f"{name}, line {number}, is not JSON: {error}") from None
            yield _record_text(record, f"{name}, line {number},", fields)


def json_records(text: str, name: str, fields: Sequence[str]) -> Iterator[str]:
    """The text of each record of a JSON list, a line end added where it has none. Raises CorpusError."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"{name} is not JSON: {error}") from None
    for number, record in enumerate(found if isinstance(found, list) else [found], start=1):
        yield _record_text(record, f"{name}, record {number},", fields)


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
    return value if value.endswith("\n") else value + "\n"


def _documents(path: Path, form: TextFormat) -> Sequence[str]:
    field = _field(path, form)
    if field is None and form.encoding == "utf-8" and path.stat().st_size > _IN_MEMORY and not is_compressed(path):
        return StoredDocuments.of_file(path, form.unit or "line")
    return _parsed(_bytes(path), str(path), form, field)


def _parsed(data: bytes, name: str, form: TextFormat, field: str | None = None) -> Sequence[str]:
    text = decode(decompressed(data, name), name, form.encoding)
    if not text.strip():
        raise CorpusError(f"{name} is empty: there is nothing to score")
    field = field or form.field
    if field is None:
        return documents(text, form.unit or "line")
    texts = tuple(records(text, name, [field]))
    return documents("".join(texts), form.unit) if form.unit else texts


def _field(path: Path, form: TextFormat) -> str | None:
    return form.field or ("text" if _JSON_LINES & set(path.suffixes) else None)


def _reading(path: Path, form: TextFormat) -> str:
    """How a path's bytes become documents, for the signature."""
    field = _field(path, form)
    parts = [f"{form.unit or ('line' if field is None else 'record')}s"]
    parts += [f"json={field},line-ends-added"] if field else []
    parts += [f"encoding={form.encoding}"] if form.encoding != "utf-8" else []
    return ",".join(parts)


def _divided(name: str, found: Sequence[str], reading: str, place: str = "") -> Corpus:
    if len(found) < 3:
        unit = reading.partition(",")[0].removesuffix("s")
        raise CorpusError(
            f"{place or name} has {len(found)} document{'s' * (len(found) != 1)} (unit: {unit}), and three splits need "
            f"at least 3; {'' if unit == 'line' else 'choose a smaller unit with --documents, or '}"
            f"give a folder with train.txt, valid.txt and test.txt"
        )
    return Corpus(name, *cut(found, _SIZES), reading=f"{reading},split=80/10/10-contiguous")


def _read_folder(folder: Path, form: TextFormat) -> Corpus:
    files = _split_files(folder)
    splits = {split: _documents(file, form) for split, file in files.items()}
    reading = f"{_reading(files['train'], form)},split=files"
    if "valid" not in splits:
        train = splits["train"]
        if len(train) < 2:
            raise CorpusError(
                f"{folder} has no validation file, and its one training document cannot be divided; add valid.txt"
            )
        held_out = max(1, round(len(train) * _HELD_OUT))
        splits["train"], splits["valid"] = train[:-held_out], train[-held_out:]
        reading += ",valid=last-10%-of-train"
    corpus = Corpus(str(folder), Split(splits["train"]), Split(splits["valid"]), Split(splits["test"]), reading=reading)
    if corpus.train.fingerprint == corpus.test.fingerprint:
        raise CorpusError(f"the training and test files of {folder} hold the same text")
    return corpus


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


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
