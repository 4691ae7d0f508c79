"""The look of a text: its documents, and spaces at the ends of its lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from lmbench.corpora.splitting import is_article_title

INSPECTED = 1 << 16
"""Number of characters at the beginning of a text that tell what it looks like."""

_FEWEST_BLOCKS = 3  # into which blank lines divide a text of paragraphs
_SHORT_BLOCK = 10  # lines, on average; longer blocks must be hard-wrapped to count as paragraphs
_SENTENCES = 2 / 3  # of the lines inside blocks that end a sentence, if each line is a sentence
_WRAPPED = 3 / 4  # of the lines inside blocks that are about as long as the longest, if a margin breaks them
_NEAR_MARGIN = 0.6  # of the length that nine lines in ten do not exceed
_SENTENCE_END = re.compile(r"""[.?!…。！？｡]['"”’»)\]」』]*\s*$""")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the beginning of a text looks like.

    Attributes:
        units: The units of documents that suit the text, best first. The next one is for a text of fewer than three
            such documents.
        padded: Whether most lines end in a space.
    """

    units: tuple[str, ...]
    padded: bool


def recognize_shape(start: str) -> Shape:
    """Return what a text looks like that begins so.

    Documents are articles if the first line with text is a WikiText title. They are blocks if empty lines separate at
    least three paragraphs, of up to ten lines on average, or with lines that a margin broke. All other text is read as
    lines, and so are paragraphs in which most lines end a sentence, because each of their lines is one.

    Args:
        start: The first characters. If there are at least INSPECTED, the last line may be incomplete and is ignored.
    """
    lines = start.split("\n")
    if len(start) >= INSPECTED:
        lines.pop()
    blocks = [list(block) for has_text, block in groupby(lines, lambda line: bool(line.strip())) if has_text]
    count = sum(map(len, blocks))
    padded = sum(line.removesuffix("\r").endswith(" ") for block in blocks for line in block)
    return Shape(_choose_units(blocks), padded > count / 2)


def _choose_units(blocks: Sequence[Sequence[str]]) -> tuple[str, ...]:
    if blocks and len(blocks[0]) == 1 and is_article_title(blocks[0][0]):
        return "article", "block"
    return ("block",) if _are_paragraphs(blocks) else ("line",)


def _are_paragraphs(blocks: Sequence[Sequence[str]]) -> bool:
    if len(blocks) < _FEWEST_BLOCKS:
        return False
    inner = [line.rstrip() for block in blocks for line in block[:-1]]
    if len(inner) < len(blocks):  # most paragraphs have a single line
        return True
    if sum(_SENTENCE_END.search(line) is not None for line in inner) > _SENTENCES * len(inner):
        return False
    return len(inner) < _SHORT_BLOCK * len(blocks) or _are_wrapped(inner)


def _are_wrapped(lines: Sequence[str]) -> bool:
    """Return whether the lines have about the same length, as if a margin had broken them."""
    lengths = sorted(map(len, lines))
    margin = lengths[len(lengths) * 9 // 10]
    return sum(length >= _NEAR_MARGIN * margin for length in lengths) >= _WRAPPED * len(lengths)
