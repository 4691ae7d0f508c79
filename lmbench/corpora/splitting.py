"""Cutting a text into documents, and dividing documents into splits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise

from lmbench.corpus import Split
from lmbench.errors import UnknownNameError

DOCUMENT_UNITS = ("line", "block", "article", "file")

NO_TEXT = Split(())
"""The training and validation splits of a text that is scored as a whole."""

DIVIDED = "split=80/10/10-contiguous"
"""The part of a provenance that says that `divide` made the splits of a user's single text."""

_EMPTY_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")  # with the line end before them
_EMPTY_LINE = re.compile(r"[^\S\n]*(?:\n|\Z)")
_TITLE_LINE = re.compile(r"^[^\S\n]*= [^=\n].* =[^\S\n]*$", re.MULTILINE)
_ARTICLE_TITLE = re.compile(r"^\s*= [^=].* =\s*$")
_UNSPACED_SCRIPT = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_INSPECTED = 1 << 16  # characters
_LONGEST_MEAN_WORD = 4.0  # characters; segmented Chinese has about 2


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


def slice_split(split: Split, start: int, stop: int) -> Split:
    """Return consecutive documents of a split, with their tags if it has any."""
    return Split(split.documents[start:stop], None if split.tagged is None else split.tagged[start:stop])


def divide(whole: Split, sizes: tuple[int, int, int] = (8, 1, 1)) -> tuple[Split, Split, Split]:
    """Divide documents, in order, into training, validation and test splits. No split is empty.

    Args:
        whole: At least three documents.
        sizes: The proportions of the splits.
    """
    total, count = sum(sizes), len(whole.documents)
    first = min(max(1, round(count * sizes[0] / total)), count - 2)
    second = min(max(first + 1, round(count * (sizes[0] + sizes[1]) / total)), count - 1)
    return slice_split(whole, 0, first), slice_split(whole, first, second), slice_split(whole, second, count)


def hold_out(train: Split) -> tuple[Split, Split]:
    """Return a training split without its last tenth, and that tenth, for validation: at least one document each.

    Args:
        train: At least two documents.
    """
    count = len(train.documents)
    kept = count - max(1, round(count / 10))
    return slice_split(train, 0, kept), slice_split(train, kept, count)


def separates_words(documents: Iterable[str]) -> bool:
    """Return whether white space separates words: not in Chinese, Japanese or Thai.

    Only the beginning of the text is inspected. Segmented text in these scripts, with a space after each word, is
    recognized by its short words.
    """
    import regex  # not at the top: `lmbench --help` imports this module, and must be quick

    text = "".join(islice(chain.from_iterable(documents), _INSPECTED))
    letters = sum(map(str.isalpha, text))
    if not letters or len(regex.findall(_UNSPACED_SCRIPT, text)) * 2 <= letters:
        return True
    words = text.split()
    return sum(map(len, words)) <= _LONGEST_MEAN_WORD * len(words)


def strip_lines(text: str) -> str:
    """Return `text` without the spaces at both ends of each line, as WikiText's files are read."""
    return "\n".join(line.strip(" ") for line in text.split("\n"))
