"""Words of a document as byte offsets, and the events of a score that belong to each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.corpus import WORD_SEPARATORS
from lmbench.text.tokenizers import is_white, make_tokenizer

_SEPARATORS = np.frombuffer(WORD_SEPARATORS.encode(), dtype=np.uint8)
_WORD = re.compile(f"[^{WORD_SEPARATORS}]+".encode())


@dataclass(frozen=True, slots=True)
class WordEvents:
    """The events that belong to each word of a document.

    White space before a word belongs to it; that after the last word belongs to the last one. A word at whose end no
    event ends is joined with the next one, because the event's cost cannot be divided between them.

    Attributes:
        spans: (rows, 2) byte offsets at which each row's text starts and ends, without the white space around it.
        words: (rows,) number of words in each row: 1, or more if they were joined.
        borders: (rows + 1,) number of events before each row, and in all.
    """

    spans: Ints
    words: Ints
    borders: Ints

    @property
    def indices(self) -> Ints:
        """The number of words before each row, (rows,)."""
        return np.cumsum(self.words) - self.words

    @property
    def events(self) -> Ints:
        """The number of events of each row, (rows,)."""
        return np.diff(self.borders)

    def sum(self, values: Floats) -> Floats:
        """Return the sum of the values of each row's events, (rows,).

        Args:
            values: (events,) one value for each event of the document.
        """
        return np.add.reduceat(values, self.borders[:-1]) if len(self.words) else np.zeros(0)


def word_spans(document: str, spaced: bool = True) -> Ints:
    """Return the byte offsets at which each word of a document starts and ends, (words, 2).

    Args:
        document: The document.
        spaced: Whether white space (spaces, tabs and line ends) separates words. If not, as in Chinese, they are those
            of jieba.

    Raises:
        UnavailableError: jieba is needed, but not installed.
    """
    if spaced:
        found = [match.span() for match in _WORD.finditer(document.encode())]
        return np.array(found, dtype=np.int64).reshape(-1, 2)
    tokens, ends = make_tokenizer("jieba").tokenize_with_ends(document)
    spans = np.stack([np.concatenate([[0], ends])[:-1], ends], axis=1)
    return spans[[not is_white(token) for token in tokens]]


def cut(document: str, spans: Ints) -> list[str]:
    """Return the texts between byte offsets of a document, (spans, 2). A part of a character becomes a replacement."""
    data = document.encode()
    return [data[start:end].decode(errors="replace") for start, end in spans.tolist()]


def region_spans(document: str, regions: Sequence[str]) -> Ints:
    """Return the byte offsets at which each region of a document starts and ends, (regions, 2).

    Args:
        document: The document.
        regions: The texts of the regions, in order. White space in them and between them does not matter.

    Raises:
        ValueError: The regions are not the text of the document, or one of them is blank.
    """
    solid = _find_solid(document)
    lengths = [len(_find_solid(region)) for region in regions]
    if _without_separators("".join(regions)) != _without_separators(document):
        raise ValueError("its regions do not spell its text")
    if not all(lengths):
        raise ValueError("one of its regions is blank")
    ends = np.cumsum(lengths)
    return np.stack([solid[ends - lengths], solid[ends - 1] + 1], axis=1)


def align_words(ends: Ints, spans: Ints) -> WordEvents:
    """Return the events that belong to each word.

    Args:
        ends: (events,) byte offsets at which the events end.
        spans: (words, 2) byte offsets at which the words start and end.
    """
    if not len(spans):
        return WordEvents(spans, np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64))
    last_events = np.searchsorted(ends, spans[:, 1])
    is_border = ends[last_events[:-1]] <= spans[1:, 0]
    last_words = np.append(np.flatnonzero(is_border), len(spans) - 1)
    first_words = np.append(0, last_words[:-1] + 1)
    return WordEvents(
        spans=np.stack([spans[first_words, 0], spans[last_words, 1]], axis=1),
        words=last_words - first_words + 1,
        borders=np.concatenate([[0], last_events[last_words[:-1]] + 1, [len(ends)]]),
    )


def _find_solid(text: str) -> Ints:
    """Return the offsets of the bytes that are not white space."""
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    return np.flatnonzero(~np.isin(data, _SEPARATORS))


def _without_separators(text: str) -> str:
    return text.translate(dict.fromkeys(map(ord, WORD_SEPARATORS)))
