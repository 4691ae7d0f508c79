"""Texts in JSON: one record a line, or a list of records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

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
        return json.loads(text)
    except RecursionError:
        raise CorpusError(f"{subject} is nested too deeply") from None
    except ValueError as error:  # not JSON, or a number of too many digits
        raise CorpusError(f"{subject} is not JSON: {error}") from None


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
