"""Tasks in users' files: JSON lines of a declared kind, and how their fields become items."""

from __future__ import annotations

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from lmbench.errors import TaskError, kind_of
from lmbench.printable import printable
from lmbench.tasks.cloze import Cloze
from lmbench.tasks.minimal_pairs import MinimalPairs
from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.options import TaskOptions
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.question_answering import QuestionAnswering
from lmbench.tasks.summarization import Summarization
from lmbench.tasks.task import Item
from lmbench.tasks.templates import fields_of, fill
from lmbench.tasks.translation import Translation

Kind = Literal["minimal-pairs", "multiple-choice", "cloze", "translation", "summarization", "question-answering"]

KINDS: dict[Kind, type[PromptedTask]] = {
    "minimal-pairs": MinimalPairs,
    "multiple-choice": MultipleChoice,
    "cloze": Cloze,
    "translation": Translation,
    "summarization": Summarization,
    "question-answering": QuestionAnswering,
}
"""The kinds of tasks."""


class FileOptions(TaskOptions):
    """The options of a file of JSON lines: also what it needs to become a task."""

    kind: Kind = Field(description=f"one of {', '.join(KINDS)}")
    language: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the fields of a record become an item. Templates have the names of fields in braces.

    Attributes:
        contexts: Templates of the context. The first one is used whose fields the record has.
        answer: The template of the right answer; "" if the choices and gold give it.
        choices: The templates of the choices; without any, the field ``choices`` has them.
        gold: The field with the number of the right choice, from 0; "" if it is always the first one.
        passage: The field with a text whose last word is the answer; "" if there is none.
    """

    contexts: tuple[str, ...]
    answer: str = ""
    choices: tuple[str, ...] = ()
    gold: str = "gold"
    passage: str = ""


_QUESTION = {"zh": "问题：{question}\n回答："}
_SUMMARY = {"zh": "{text}\n\n摘要："}


def default_layout(kind: Kind, language: str) -> Layout:
    """Return how a file of this kind is read if nothing else is said."""
    question = _QUESTION.get(language, "Question: {question}\nAnswer:")
    summary = _SUMMARY.get(language, "{text}\n\nSummary:")
    layouts: dict[Kind, Layout] = {
        "minimal-pairs": Layout(("{context}", ""), choices=("{good}", "{bad}"), gold=""),
        "multiple-choice": Layout(("{context}", question)),
        "cloze": Layout(("{context}",), "{answer}", passage="text"),
        "translation": Layout(("{context}", "{source} =>"), "{target}"),
        "summarization": Layout(("{context}", summary), "{summary}"),
        "question-answering": Layout(("{context}", question), "{answer}"),
    }
    return layouts[kind]


@dataclass(frozen=True, slots=True)
class Record:
    """One record of JSON lines.

    Attributes:
        fields: Its fields.
        where: Its place, for errors: "my.jsonl, item 3".
    """

    fields: Mapping[str, object]
    where: str

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a field that holds a list of texts or one text; nothing if there is no such field.

        Raises:
            TaskError: It holds something else.
        """
        value = self.fields.get(name)
        values: list[object] = [] if value is None else value if isinstance(value, list) else [value]
        for text in values:
            if not isinstance(text, str):
                raise TaskError(f"{self.where}: '{name}' holds {kind_of(text)}; it must be a list of texts")
        return tuple(text for text in values if isinstance(text, str))

    def has(self, template: str) -> bool:
        """Return whether the record has the fields of a template."""
        return all(field in self.fields for field in fields_of(template))

    def fill(self, template: str) -> str:
        """Return a template with the fields of this record that are texts or numbers.

        Raises:
            TaskError: A field is missing, or is neither a text nor a number.
        """
        for name in fields_of(template) & self.fields.keys():
            if not isinstance(self.fields[name], str | int | float):
                raise TaskError(f"{self.where}: '{name}' holds {kind_of(self.fields[name])}; it must be a text")
        return fill(template, {name: str(value) for name, value in self.fields.items()}, self.where)


def read_items(path: Path, layout: Layout) -> tuple[Item, ...]:
    """Return the items of a file of JSON lines, not yet checked.

    Raises:
        TaskError: The file cannot be read, or a line is not a record with the fields that the layout needs.
    """
    return tuple(_make_item(record, layout, number) for number, record in enumerate(_read_records(path), start=1))


def describe_file(path: Path) -> str:
    """Return the name of a file and the beginning of its SHA-256, for a signature.

    Raises:
        TaskError: The file cannot be read.
    """
    return f"file={path.name},sha256={hashlib.sha256(read_bytes(path)).hexdigest()[:16]}"


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        TaskError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TaskError(f"cannot read {printable(str(path))}: {error.strerror}") from None
    except ValueError as error:  # a NUL in the name
        raise TaskError(f"cannot read {printable(str(path))}: {error}") from None


def _read_records(path: Path) -> Iterator[Record]:
    lines = filter(bytes.strip, read_bytes(path).removeprefix(BOM_UTF8).split(b"\n"))
    for number, line in enumerate(lines, start=1):
        where = f"{printable(path.name)}, item {number}"
        fields = _parse(line, where)
        if not isinstance(fields, dict):
            raise TaskError(f"{where} is {kind_of(fields)}; it must be a JSON object with named fields")
        yield Record(fields, where)


def _parse(line: bytes, where: str) -> object:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise TaskError(f"{where} is not UTF-8: byte 0x{line[error.start]:02x}; convert the file to UTF-8") from None
    except RecursionError:
        raise TaskError(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise TaskError(f"{where} is not JSON: {error}") from None


def _make_item(record: Record, layout: Layout, number: int) -> Item:
    choices = tuple(map(record.fill, layout.choices)) or record.texts("choices")
    gold = record.fields.get(layout.gold) if layout.gold else 0
    return Item(
        id=_read_id(record, number),
        context=_read_context(record, layout),
        choices=choices,
        gold=gold if choices else None,  # type: ignore[arg-type]  # `check_item` refuses what is not a number
        references=_read_references(record, layout) or _right_choice(choices, gold),
        groups=_read_groups(record),
    )


def _read_context(record: Record, layout: Layout) -> str:
    if layout.passage in record.fields:
        return _cut_passage(record, layout)[0]
    return record.fill(next(filter(record.has, layout.contexts), layout.contexts[-1]))


def _read_references(record: Record, layout: Layout) -> tuple[str, ...]:
    if layout.passage in record.fields:
        return (_cut_passage(record, layout)[1],)
    if "references" in record.fields:
        return record.texts("references")
    has_choices = bool(layout.choices) or "choices" in record.fields
    is_needed = layout.answer and (record.has(layout.answer) or not has_choices)
    return (record.fill(layout.answer),) if is_needed else ()


def _cut_passage(record: Record, layout: Layout) -> tuple[str, str]:
    """Return a passage without its last word, and that word."""
    context, _, word = record.fill(f"{{{layout.passage}}}").rstrip().rpartition(" ")
    if not context:
        raise TaskError(f"{record.where}: '{layout.passage}' has no word before the last one; give context and answer")
    return context, word


def _right_choice(choices: Sequence[str], gold: object) -> tuple[str, ...]:
    return (choices[gold],) if type(gold) is int and 0 <= gold < len(choices) else ()


def _read_id(record: Record, number: int) -> str:
    identity = record.fields.get("id", number)
    if not isinstance(identity, str | int):
        raise TaskError(f"{record.where}: its id is {kind_of(identity)}; it must be a text or a whole number")
    return str(identity)


def _read_groups(record: Record) -> tuple[tuple[str, str], ...]:
    """Return the groups of a record: ``"group": "verbs"``, or ``"group": {"field": "syntax", "term": "verbs"}``."""
    group = record.fields.get("group", {})
    named = group if isinstance(group, dict) else {"group": group}
    for value in named.values():
        if not isinstance(value, str | int):
            raise TaskError(f"{record.where}: its group is {kind_of(value)}; it must be a text, or an object of texts")
    return tuple((name, str(value)) for name, value in named.items())
