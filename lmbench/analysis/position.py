"""Bits by position: how much the text before a word helps each model.

Positions are counted from 1: the place of a word in its line, to which the history of a model of single lines is
limited, and in its document. Line ends count as words of the document, and are a class of their own. The unit is bits
per word.

A model that uses a longer history gains on the others with each word of it. Words of different places are different
words, such as those of a title, so that only the *difference* between two models at the same place says how much the
history is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.classes import LINE_ENDS, Classes, ClassPicture, sum_classes
from lmbench.analysis.words import WordRows, Words
from lmbench.arrays import Ints

if TYPE_CHECKING:
    import pandas as pd

LINE_POSITION = ClassPicture(
    "Surprisal by position in the line",
    "Bits for each word of the test text, by its place in its line.",
    "place in the line",
    apart=(LINE_ENDS,),
    scale="linear",
)
DOCUMENT_POSITION = ClassPicture(
    "Surprisal by position in the document",
    "Bits for each word of the test text, by its place in its document.",
    "place in the document",
    apart=(LINE_ENDS,),
    scale="linear",
)

_LINE_STEPS = (1, 2, 3, 4, 6, 10, 15, 25, 50, 100)
_DOCUMENT_STEPS = (1, 3, 10, 30, 100, 300, 1000, 3000)


def measure_by_line_position(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by their place in the line; classes.py describes the columns."""
    return _measure(rows, find_line_places(rows.words), _LINE_STEPS)


def measure_by_document_position(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by their place in the document; classes.py describes the columns."""
    return _measure(rows, find_document_places(rows.words), _DOCUMENT_STEPS)


def find_line_places(words: Words) -> Ints:
    """Return the place of each word in its line, from 1, (words,)."""
    is_first = np.diff(words.documents, prepend=-1) > 0
    is_first[1:] |= words.are_line_ends[:-1]
    return _count_from(is_first.nonzero()[0], len(is_first))


def find_document_places(words: Words) -> Ints:
    """Return the place of each word in its document, from 1, (words,)."""
    return _count_from(np.flatnonzero(np.diff(words.documents, prepend=-1)), len(words.documents))


def _measure(rows: WordRows, places: Ints, steps: tuple[int, ...]) -> pd.DataFrame:
    return sum_classes(rows, Classes.of_steps(places, steps, {LINE_ENDS: rows.words.are_line_ends}))


def _count_from(firsts: Ints, size: int) -> Ints:
    """Return 1, 2, 3, … from each of these places on, (size,)."""
    return np.arange(1, size + 1) - np.repeat(firsts, np.diff(firsts, append=size))
