"""Prompt templates with named fields: ``Question: {question}\\nAnswer:``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from string import Formatter

from lmbench.errors import TaskError
from lmbench.printable import printable


def fill(template: str, fields: Mapping[str, str], where: str) -> str:
    """Return a template with its fields filled in.

    Args:
        template: Text with ``{field}``; ``{{`` and ``}}`` are braces.
        fields: The fields.
        where: What has them, for errors: "my.jsonl, item 3".

    Raises:
        TaskError: There is no such field.
    """
    text = ""
    for literal, field in parse(template):
        text += literal
        if field is None:
            continue
        if field not in fields:
            raise TaskError(f"{where} lacks the field '{field}' of '{printable(template)}'{_advise(field, fields)}")
        text += fields[field]
    return text


def fields_of(template: str) -> set[str]:
    """Return the names of the fields of a template.

    Raises:
        TaskError: The template is malformed.
    """
    return {field for _, field in parse(template) if field is not None}


def parse(template: str) -> list[tuple[str, str | None]]:
    """Return the pieces of a template: literal text, and the name of the field after it.

    Raises:
        TaskError: The template is malformed.
    """
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise TaskError(
            f"the template '{printable(template)}' is malformed: {error}; write {{{{ and }}}} for braces"
        ) from None
    for _, field, spec, conversion in pieces:
        if field is not None and (not field.isidentifier() or spec or conversion):
            raise TaskError(
                f"the template '{printable(template)}' has a field that is not a plain name; write {{name}}"
            )
    return [(literal, field) for literal, field, _, _ in pieces]


def _advise(field: str, fields: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(field, fields, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; it has: {', '.join(fields) or 'none'}"
