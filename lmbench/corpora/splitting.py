"""Cutting a text into documents, and documents into splits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise

import regex

from lmbench.corpus import Split
from lmbench.errors import UnknownNameError

DOCUMENT_UNITS = ("line", "block", "article", "file")
_ARTICLE = re.compile(r"^\s*= [^=].* =\s*$")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_LOOKED_AT = 1 << 16  # characters
_LONGEST_MEAN_WORD = 4.0  # characters: segmented Chinese has about 2


def documents(text: str, unit: str) -> tuple[str, ...]:
    """`text` cut into documents, which join to `text` again.

    unit: "line"; "block", paragraphs with the empty lines after them; "article", from one of WikiText's ``= Title =``
    between empty lines to the next; "file", the whole text.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if unit == "line":
        return tuple(lines)
    starts = [i for i, begin in enumerate(begins(lines, unit)) if begin]
    borders = [0, *starts[1:], len(lines)]  # what stands before the first document belongs to it
    return tuple("".join(lines[a:b]) for a, b in pairwise(borders) if a < b)


def begins(lines: Iterable[str], unit: str) -> Iterator[bool]:
    """Whether a document begins with each of the lines; what stands before the first that begins one is its part."""
    if unit not in DOCUMENT_UNITS:
        raise UnknownNameError("unit of documents", unit, DOCUMENT_UNITS)
    before, rest = "", iter(lines)
    line = next(rest, None)
    number = 0
    while line is not None:
        after = next(rest, None)
        yield _begins(unit, number, before, line, after or "")
        before, line, number = line, after, number + 1


def _begins(unit: str, number: int, before: str, line: str, after: str) -> bool:
    if unit == "article":  # with an empty line on both sides: WikiText's text has lines that look like a title
        return not before.strip() and not after.strip() and _ARTICLE.match(line) is not None
    if unit == "block":
        return bool(line.strip()) and not before.strip()
    return unit == "line" or number == 0


def cut(documents: Sequence[str], sizes: tuple[int, int, int] = (8, 1, 1)) -> tuple[Split, Split, Split]:
    """Consecutive documents as training, validation and test splits in these proportions, none of them empty.

    Args: documents, at least three.
    """
    total, count = sum(sizes), len(documents)
    first = min(max(1, round(count * sizes[0] / total)), count - 2)
    second = min(max(first + 1, round(count * (sizes[0] + sizes[1]) / total)), count - 1)
    return Split(documents[:first]), Split(documents[first:second]), Split(documents[second:])


def hold_out(documents: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Documents without their last tenth, at least one of them, and that tenth, for validation."""
    held_out = max(1, round(len(documents) / 10))
    return documents[:-held_out], documents[-held_out:]


def separates_words(documents: Iterable[str]) -> bool:
    """Whether white space separates the words of a text, from its beginning: not in Chinese, Japanese or Thai.

    Text of such scripts that is segmented, with a space after each word, is known by its short words.
    """
    text = "".join(islice(chain.from_iterable(documents), _LOOKED_AT))
    letters = sum(map(str.isalpha, text))
    if not letters or len(_UNSPACED.findall(text)) * 2 <= letters:
        return True
    words = text.split()
    return sum(map(len, words)) <= _LONGEST_MEAN_WORD * len(words)


def strip_lines(text: str) -> str:
    """`text` with the spaces at both ends of every line taken away, as WikiText's files are read."""
    return "\n".join(line.strip(" ") for line in text.split("\n"))
