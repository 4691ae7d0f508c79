"""Formats of users' texts: chosen by the user, or recognized by a file's name and content."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePath

from lmbench.corpora.conllu import parse_sentences, tagged_split
from lmbench.corpora.records import parse_json_lines, parse_json_list, parse_table
from lmbench.corpora.splitting import cut_into_documents, strip_lines
from lmbench.corpus import Split, with_line_end
from lmbench.errors import CorpusError

LAYOUTS = ("text", "jsonl", "json", "conllu", "csv", "tsv")
"""How a file may hold its text."""

_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".conllu": "conllu",
    ".conllup": "conllu",
    ".cupt": "conllu",
    ".conll": "conllu",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
}
_SHOWN = {
    "jsonl": "JSON lines, field '{}'",
    "json": "JSON, field '{}'",
    "conllu": "a treebank (CoNLL-U)",
    "csv": "CSV, column '{}'",
    "tsv": "tab-separated values, column '{}'",
}
_TABLES = ("csv", "tsv")
_DEFAULT_FIELD = "text"
_LINES = 10  # that are inspected
_JSON_OBJECT = re.compile(r'\s*\{\s*("(?:[^"\\]|\\.)*"\s*:|\}\s*$)')
_JSON_LIST = re.compile(r'\s*\[\s*\{\s*"')
_TREEBANK = re.compile(r"(?:#.*\n)*1(?:-[0-9]+)?\t[^\t\n]+(?:\t[^\t\n]*){4}\t(?:[0-9]+|_)(?:\t[^\t\n]*){3}\r?(?:\n|$)")
_TREEBANK_PLUS = re.compile(r"#\s*global\.columns\s*=")


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How to read a user's bytes.

    Attributes:
        unit: What one document is, one of splitting.DOCUMENT_UNITS. None: what the text looks like decides, or, in JSON
            and tables, a record is a document.
        encoding: One of Python's encodings, by any of its names.
        field: The field of JSON, or the column of a table, that holds the text. None: "text".
        layout: One of LAYOUTS. None: it is recognized by the file's name and content. If there is a field, files
            that are not recognized are JSON lines if they begin as JSON does, and else tables.
        strip: Whether to strip the spaces at both ends of each line. None: no, but say so if most lines have them.
    """

    unit: str | None = None
    encoding: str = "utf-8"
    field: str | None = None
    layout: str | None = None
    strip: bool | None = None

    def __post_init__(self) -> None:
        with suppress(LookupError, ValueError):  # decoding reports an unknown encoding, with the file's name
            object.__setattr__(self, "encoding", codecs.lookup(self.encoding).name)


AUTO = TextFormat()
"""UTF-8 text. The name, the content and the look of a file tell its layout and its documents."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one file holds its documents.

    Attributes:
        name: One of LAYOUTS.
        text_format: What the user has said about it.
        guessed: Whether only the content told the layout, neither the user nor the file's name.
    """

    name: str
    text_format: TextFormat
    guessed: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the file is plain UTF-8 text, whose bytes are scored as they are."""
        return self.name == "text" and self.text_format.encoding == AUTO.encoding and not self.text_format.strip

    @property
    def lacks_unit(self) -> bool:
        """Whether neither the user nor the layout tells what one document is."""
        return self.name == "text" and self.text_format.unit is None

    def with_unit(self, unit: str) -> Layout:
        """Return the layout with another unit of documents."""
        return replace(self, text_format=replace(self.text_format, unit=unit))

    @property
    def field(self) -> str:
        """The field or column that holds the text."""
        return self.text_format.field or _DEFAULT_FIELD

    @property
    def provenance(self) -> str:
        """How the bytes become documents, for the signature."""
        unit = self.text_format.unit or ("line" if self.name == "text" else "record")
        parts = ["conllu"] if self.name == "conllu" else [f"{unit}s"]
        if self.name not in ("text", "conllu"):
            kind = self.name if self.name in _TABLES else "json"
            parts.append(f"{kind}={self.field},line-ends-added")
        if self.text_format.strip:
            parts.append("lines-stripped")
        if self.text_format.encoding != AUTO.encoding:
            parts.append(f"encoding={self.text_format.encoding}")
        return ",".join(parts)

    def __str__(self) -> str:
        return _SHOWN.get(self.name, "plain text").format(self.field)

    def parse(self, text: str, name: str) -> Split:
        """Return the documents of a file, with their tags if it is a treebank.

        Args:
            text: The file's text.
            name: The file's name, for errors.

        Raises:
            CorpusError: The text is malformed.
        """
        unit, strip = self.text_format.unit, self.text_format.strip
        if self.name == "text":
            return Split(cut_into_documents(strip_lines(text) if strip else text, unit or "line"))
        if self.name == "conllu":
            if unit or strip:
                raise CorpusError(
                    f"{name} is a treebank, which marks its own words and documents; leave out --documents and --strip"
                )
            return tagged_split(parse_sentences(text, name))
        records = self._parse_records(text, name)
        if strip:
            records = tuple(map(strip_lines, records))
        return Split(cut_into_documents("".join(records), unit) if unit else records)

    def _parse_records(self, text: str, name: str) -> tuple[str, ...]:
        if self.name in _TABLES:
            return tuple(map(with_line_end, parse_table(text, name, self.name).column(self.field)))
        parse = parse_json_lines if self.name == "jsonl" else parse_json_list
        return tuple(parse(text, name, [self.field]))


def find_layout(name: str, start: str, text_format: TextFormat) -> Layout:
    """Return the layout of a file: the user's choice, or else that of its name and content.

    Content decides between JSON lines and a JSON list. Otherwise the name, in capital or small letters, is believed.

    Args:
        name: The file's name.
        start: Its first characters.
        text_format: What the user says.
    """
    if text_format.layout:
        return Layout(text_format.layout, text_format)
    named = next((_SUFFIXES[suffix] for suffix in _suffixes(name) if suffix in _SUFFIXES), None)
    if named == "conllu" and text_format.field:
        named = "jsonl"
    found = _recognize(start)
    if named in ("json", "jsonl"):
        return Layout(found if found in ("json", "jsonl") else named, text_format)
    if named:
        return Layout(named, text_format)
    if text_format.field:
        return Layout("json" if found == "json" else _find_table(start) or "jsonl", text_format)
    return Layout(found or "text", text_format, guessed=found is not None)


def _suffixes(name: str) -> Sequence[str]:
    return [suffix.lower() for suffix in PurePath(name).suffixes]


def _find_table(start: str) -> str | None:
    """Return the layout of a table, or None if the text begins as JSON does."""
    header = start.lstrip("\ufeff \r\n").partition("\n")[0]
    if not header or header.startswith(("{", "[")):
        return None
    return "tsv" if "\t" in header else "csv"


def _recognize(start: str) -> str | None:
    """Return the layout of a text that begins so, if that is certain enough to override a name such as "a.txt"."""
    if _JSON_LIST.match(start):
        return "json"
    complete, _, rest = start.rpartition("\n")
    lines = [line for line in (complete or rest).split("\n") if line.strip()][:_LINES]
    if lines and all(map(_JSON_OBJECT.match, lines)):
        return "jsonl"
    if lines and lines[0].strip() == "{" and _JSON_OBJECT.match(start):
        return "json"
    return "conllu" if _TREEBANK.match(start) or _TREEBANK_PLUS.match(start) else None
