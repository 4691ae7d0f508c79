"""Texts in records: JSON lines, a JSON list, or a column of a table (CSV, TSV)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lmbench.corpora.encoding import check_text
from lmbench.corpus import with_line_end
from lmbench.errors import CorpusError


def parse_json_lines(text: str, name: str, fields: Sequence[str]) -> Iterator[str]:
    """Yield the text of each record of JSON lines, with a line end added if it lacks one.

    Args:
        text: The JSON lines.
        name: The file's name, for errors.
        fields: Names of the field that holds the text, a string or a list of lines. The first one that a record has
            is used.

    Raises:
        CorpusError: A line is not JSON or lacks the text; the message names the line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{name}, line {number}"
            yield _extract_text(_parse(line, f"{place},"), place, fields)


def parse_json_list(text: str, name: str, fields: Sequence[str]) -> Iterator[str]:
    """Yield the text of each record of a JSON list (or of a single record); see `parse_json_lines`.

    Raises:
        CorpusError: The text is not JSON, or a record lacks its text; the message names the record.
    """
    found = _parse(text, name)
    for number, record in enumerate(found if isinstance(found, list) else [found], start=1):
        yield _extract_text(record, f"{name}, record {number}", fields)


def _parse(text: str, subject: str) -> object:
    try:
        return json.loads(text, parse_int=_ignore_digits)
    except RecursionError:
        raise CorpusError(f"{subject} is nested too deeply") from None
    except ValueError as error:
        raise CorpusError(f"{subject} is not JSON: {error}") from None


def _ignore_digits(digits: str) -> int:
    """Return any integer: only texts are used, and Python refuses to convert more than 4,300 digits."""
    return 0


def _extract_text(record: object, place: str, fields: Sequence[str]) -> str:
    if not isinstance(record, dict):
        raise CorpusError(f"{place}, is not a JSON object with a field '{fields[0]}'")
    field = next((field for field in fields if field in record), None)
    if field is None:
        raise CorpusError(f"{place}, lacks the field '{fields[0]}'; it has: {', '.join(map(str, record)) or 'none'}")
    value = record[field]
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        raise CorpusError(f"{place}, holds {type(value).__name__} in its field '{field}' instead of text")
    return check_text(with_line_end(value), place)


class Tabs(csv.Dialect):
    """Columns that are separated by tabs, in which quotation marks are letters (IANA's text/tab-separated-values)."""

    delimiter = "\t"
    lineterminator = "\n"
    quoting = csv.QUOTE_NONE


def parse_table(text: str, name: str, column: str, dialect: type[csv.Dialect] = csv.excel) -> tuple[str, ...]:
    """Return the text in each row of a column, with a line end added if it lacks one.

    Args:
        text: The table; its first row names the columns.
        name: The file's name, for errors.
        column: The column's name.
        dialect: `csv.excel` (RFC 4180) or `Tabs`.

    Raises:
        CorpusError: The table is malformed or lacks the column; the message names the line.
    """
    rows = csv.reader(io.StringIO(text, newline=""), dialect, strict=True)
    try:
        with _fields_up_to(len(text)):
            header = next(rows, [])
            if column not in header:
                raise CorpusError(
                    f"{name} is a table without a column '{column}'; name the column of the text with --field (it "
                    f"has: {', '.join(header)}), or read the table itself with --format text"
                )
            return tuple(_extract_cell(row, header, column, f"{name}, line {rows.line_num}") for row in rows if row)
    except csv.Error as error:
        raise CorpusError(f"{name}, line {rows.line_num}: {error}") from None


def _extract_cell(row: list[str], header: list[str], column: str, place: str) -> str:
    if len(row) != len(header):
        raise CorpusError(f"{place}: {len(row)} columns, and the first line names {len(header)}")
    return with_line_end(row[header.index(column)])


@contextmanager
def _fields_up_to(length: int) -> Iterator[None]:
    """Let the module csv read fields of this length; by default, it refuses more than 131,072 characters."""
    before = csv.field_size_limit(max(length, 1 << 17))
    try:
        yield
    finally:
        csv.field_size_limit(before)
