"""Cut a text into documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

from lmbench.errors import UnknownNameError

DOCUMENT_UNITS = ("line", "block", "article", "file")

_EMPTY_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")  # with the line end before them
_EMPTY_LINE = re.compile(r"[^\S\n]*(?:\n|\Z)")
_TITLE_LINE = re.compile(r"^[^\S\n]*= [^=\n].* =[^\S\n]*$", re.MULTILINE)
_ARTICLE_TITLE = re.compile(r"^\s*= [^=].* =\s*$")


def cut_into_documents(text: str, unit: str) -> tuple[str, ...]:
    """Return the documents of a text; joined, they are the text again.

    Args:
        text: The text.
        unit: What one document is. "line"; "block": a paragraph with the empty lines after it; "article": everything
            from a WikiText title (``= Title =`` between empty lines) to the next; "file": the whole text.

    Raises:
        UnknownNameError: The unit is none of these.
    """
    if unit == "line":
        return tuple(re.findall(r"[^\n]*\n|[^\n]+", text))
    borders = [0, *_find_borders(text, unit), len(text)]
    return tuple(text[start:stop] for start, stop in pairwise(borders) if start < stop)


def _find_borders(text: str, unit: str) -> Iterable[int]:
    """Return where documents start, except for the first one, whatever unit of several lines they are."""
    if unit == "block":
        return _find_block_borders(text)
    if unit == "article":
        return _find_article_borders(text)
    if unit == "file":
        return ()
    raise UnknownNameError("unit of documents", unit, DOCUMENT_UNITS)


def _find_block_borders(text: str) -> Iterator[int]:
    """Yield where blocks start, except for the first one, which has the empty lines before it."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    return (end for end in map(re.Match.end, _EMPTY_LINES.finditer(text)) if first < end < last)


def _find_article_borders(text: str) -> Iterator[int]:
    """Yield where articles start, except for the first one."""
    return islice((title.start() for title in _TITLE_LINE.finditer(text) if _stands_alone(text, title)), 1, None)


def _stands_alone(text: str, title: re.Match[str]) -> bool:
    """Return whether the lines before and after a title are empty."""
    start, end = title.span()
    before = text[text.rfind("\n", 0, max(0, start - 1)) + 1 : start]
    line = _EMPTY_LINE.match(text, end + 1)
    return not before.strip() and line is not None


def flag_document_starts(lines: Iterable[str], unit: str) -> Iterator[bool]:
    """Yield for each line whether a document starts with it.

    The first flag may be False: lines before the first start belong to the first document.

    Args:
        lines: The lines of a text, with their line ends.
        unit: As in `cut_into_documents`.

    Raises:
        UnknownNameError: The unit is unknown.
    """
    if unit not in DOCUMENT_UNITS:
        raise UnknownNameError("unit of documents", unit, DOCUMENT_UNITS)
    if unit == "line":
        yield from (True for _ in lines)
        return
    before, rest = "", iter(lines)
    line = next(rest, None)
    number = 0
    while line is not None:
        after = next(rest, None)
        yield _starts_document(unit, number, before, line, after or "")
        before, line, number = line, after, number + 1


def _starts_document(unit: str, number: int, before: str, line: str, after: str) -> bool:
    if unit == "article":  # empty lines on both sides, because some lines within WikiText's articles look like titles
        return not before.strip() and not after.strip() and is_article_title(line)
    if unit == "block":
        return bool(line.strip()) and not before.strip()
    return number == 0


def is_article_title(line: str) -> bool:
    """Return whether a line looks like the title of a WikiText article, ``= Title =``, and not of a section."""
    return _ARTICLE_TITLE.match(line) is not None


def strip_lines(text: str) -> str:
    """Return `text` without the spaces at both ends of each line, as WikiText's files are read."""
    return "\n".join(line.strip(" ") for line in text.split("\n"))
