"""Texts in records: JSON lines, a JSON list, or a column of a table (CSV, TSV)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

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


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts.

    Attributes:
        name: The file's name, for errors.
        columns: The names of the columns, as the first row has them.
        rows: The cells of each row, as many as there are columns.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> tuple[str, ...]:
        """Return the cells of the column of this name.

        Raises:
            CorpusError: There is no such column, or more than one; the message lists all columns.
        """
        if self.columns.count(name) != 1:
            wrong = "with several columns" if name in self.columns else "without a column"
            known = ", ".join(filter(None, self.columns))
            example = self._find_longest(but=name)
            raise CorpusError(
                f"{self.name} is a table {wrong} '{name}'; name the column of the text, as in "
                f"column={example} (columns: {known or 'none'})"
            )
        index = self.columns.index(name)
        return tuple(row[index] for row in self.rows)

    def _find_longest(self, but: str) -> str:
        """Return the column with the most text, apart from one, which may be the one that a user wants."""
        sizes = {
            column: sum(len(row[index]) for row in self.rows)
            for index, column in enumerate(self.columns)
            if column not in ("", but)
        }
        return max(sizes, key=sizes.__getitem__, default="NAME")


def parse_table(text: str, name: str, kind: str) -> Table:
    """Return a table whose first row names its columns. Empty lines are skipped.

    Args:
        text: The table.
        name: The file's name, for errors.
        kind: "csv" (RFC 4180; semicolons or tabs may separate the cells if no comma does in the first line), or "tsv":
            tabs separate the cells, and quotation marks are letters, unless the first line begins with one or a cell
            is quoted as in CSV and doubles those inside it.

    Raises:
        CorpusError: The table is malformed; the message names the line.
    """
    dialect = _choose_dialect(text.partition("\n")[0], kind)
    table = _read_table(text, name, dialect)
    if dialect is _Tabs and any(map(_doubles_quotes, chain.from_iterable(table.rows))):
        return _read_table(text, name, _QuotedTabs)
    return table


def _read_table(text: str, name: str, dialect: type[csv.Dialect]) -> Table:
    rows = csv.reader(io.StringIO(text, newline=""), dialect, strict=True)
    try:
        with _fields_up_to(len(text)):
            columns = tuple(next(rows, ()))
            cells = tuple(_check_row(row, columns, f"{name}, line {rows.line_num}") for row in rows if row)
            return Table(name, columns, cells)
    except csv.Error as error:
        raise CorpusError(f"{name}, line {rows.line_num}: {error}") from None


class _Semicolons(csv.excel):
    """CSV with semicolons, as spreadsheets write it if a comma separates decimals."""

    delimiter = ";"


class _QuotedTabs(csv.excel):
    """Quoted cells that tabs separate, as R writes them by default."""

    delimiter = "\t"


class _Tabs(csv.Dialect):
    """Columns that are separated by tabs, in which quotation marks are letters (IANA's text/tab-separated-values)."""

    delimiter = "\t"
    lineterminator = "\n"
    quoting = csv.QUOTE_NONE


def _choose_dialect(first: str, kind: str) -> type[csv.Dialect]:
    """Return how the cells of a table with this first line are separated."""
    if kind == "tsv":
        return _QuotedTabs if first.startswith('"') else _Tabs
    if "," in first:
        return csv.excel
    return _QuotedTabs if "\t" in first else _Semicolons if ";" in first else csv.excel


def _doubles_quotes(cell: str) -> bool:
    """Return whether a cell is quoted as pandas writes one with quotation marks: ``"He said ""no""."``."""
    inside = cell[1:-1]
    return len(cell) > 2 and cell[0] == cell[-1] == '"' and '""' in inside and '"' not in inside.replace('""', "")


def _check_row(row: list[str], columns: tuple[str, ...], place: str) -> tuple[str, ...]:
    if len(row) != len(columns):
        raise CorpusError(f"{place}: {len(row)} columns, and the first line names {len(columns)}")
    return tuple(row)


@contextmanager
def _fields_up_to(length: int) -> Iterator[None]:
    """Let the module csv read fields of this length; by default, it refuses more than 131,072 characters."""
    before = csv.field_size_limit(max(length, 1 << 17))
    try:
        yield
    finally:
        csv.field_size_limit(before)
