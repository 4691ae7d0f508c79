"""Words of a text with their bits under two models, for the page to color.

Words have classes that name their colors: ``a1`` to ``a6`` by the bits under the first model, ``b1`` to ``b6`` by those
under the second one, and ``p1`` to ``p5`` or ``n1`` to ``n5`` if the first or the second one needs more. Words of
level 0 do not have a class, nor a color.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmbench.analysis.passages import find_passages
from lmbench.analysis.words import WordRows
from lmbench.arrays import Floats, Ints
from lmbench.text.tokenizers import LINE_END

LEVELS = (1.0, 2.0, 4.0, 8.0, 12.0, 16.0)
"""Bits of a word from which on it has the next color."""

STEPS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Bits of a difference from which on it has the next color."""

_PASSAGES = 3  # in each direction
_WORDS = 60  # of a passage that are shown
_AROUND = 6  # words shown before and after a passage
_TEXT = 200  # words of the typical text
_LONGEST = 120  # characters of a word


@dataclass(frozen=True, slots=True)
class Token:
    """A word as the page shows it.

    Attributes:
        space: The white space before it.
        text: The word; ``⏎`` for a line end.
        bits: Its bits under the first model.
        other_bits: Its bits under the second one.
        colors: The names of its colors.
        is_last: Whether a line ends with it.
    """

    space: str
    text: str
    bits: str
    other_bits: str
    colors: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a document.

    Attributes:
        title: Which document it is from, and the bits of its words.
        before: The words before it.
        tokens: Its words.
        after: The words after it.
    """

    title: str
    before: Sequence[Token]
    tokens: Sequence[Token]
    after: Sequence[Token]


def list_levels() -> list[tuple[str, str]]:
    """Return the names of the colors of bits, each with the range of its bits."""
    return [(f"a{level} b{level}", text) for level, text in enumerate(_describe_steps(LEVELS))]


def list_steps() -> list[tuple[str, str]]:
    """Return the names of the colors of differences, each with its range, from the second model's largest loss."""
    texts = _describe_steps(STEPS)
    more = [(f"n{step}", f"−{texts[step]}") for step in range(len(STEPS), 0, -1)]
    return [*more, ("", texts[0]), *((f"p{step}", f"+{texts[step]}") for step in range(1, len(texts)))]


def find_excerpts(rows: WordRows, model: str, other: str) -> Iterator[Excerpt]:
    """Yield the passages on which a model needs most bits above another one; see `lmbench.analysis.passages`.

    Args:
        rows: The words of the text under these two models.
        model: The label of the model that needs more bits.
        other: The label of the other one.
    """
    frame = find_passages(rows, model, other)
    columns = ["document", "start", "end", "words", "bits", "other_bits"]
    differences = rows.text.bits[rows.text.models.index(model)] - rows.text.bits[rows.text.models.index(other)]
    for document, *span, words, bits, other_bits in frame[columns].head(_PASSAGES).itertuples(index=False, name=None):
        if document < 0:
            break  # the rest of the text, which is the last row
        begin, stop = _find_document(rows, document)
        first, last = _find_rows(rows, document, *span)
        start, end = _choose_window(differences[first:last]) + first
        part = "" if end - start == last - first else f"; {end - start} of them are shown"
        yield Excerpt(
            title=f"Document {document}: {words:,} word{'s' * (words != 1)}, {bits:,.1f} bits under {model} and "
            f"{other_bits:,.1f} under {other}{part}.",
            before=make_tokens(rows, max(start - _AROUND, begin), start),
            tokens=make_tokens(rows, start, end),
            after=make_tokens(rows, end, min(end + _AROUND, stop)),
        )


def find_typical_text(rows: WordRows) -> list[Excerpt]:
    """Return the beginning of a typical document, and of those after it if it is short.

    It is the document on which the difference per byte is closest to that on the whole text, of the longer half.
    """
    start, _ = _find_document(rows, _find_typical(rows))
    end = min(start + _TEXT, len(rows.text))
    numbers = range(rows.text.documents[start], rows.text.documents[end - 1] + 1)
    borders = [(number, *_find_document(rows, number)) for number in numbers]
    return [
        Excerpt(f"Document {number}", (), make_tokens(rows, first, min(last, end)), ())
        for number, first, last in borders
    ]


def make_tokens(rows: WordRows, start: int, end: int) -> list[Token]:
    """Return the words of some rows with their bits under the two models of the text."""
    text = rows.text
    ours, theirs = text.bits[:, start:end]
    numbers = text.documents[start:end]
    spaces = np.stack([text.starts[start:end], rows.spans[start:end, 0]], axis=1)
    return [
        _make_token(space, word, one, other)
        for space, word, one, other in zip(
            text.cut(numbers, spaces),
            text.cut(numbers, rows.spans[start:end]),
            ours.tolist(),
            theirs.tolist(),
            strict=True,
        )
    ]


def _make_token(space: str, word: str, bits: float, other_bits: float) -> Token:
    shown = word.replace(LINE_END, "⏎")
    return Token(
        space=space,
        text=shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…",
        bits=f"{bits:.1f}",
        other_bits=f"{other_bits:.1f}",
        colors=" ".join(_name_colors(bits, other_bits)),
        is_last=word.endswith(LINE_END),
    )


def _name_colors(bits: float, other_bits: float) -> Iterator[str]:
    """Yield the names of the colors of a word, without those of level 0."""
    difference = bits - other_bits
    for name, value, borders in (
        ("a", bits, LEVELS),
        ("b", other_bits, LEVELS),
        ("p" if difference > 0 else "n", abs(difference), STEPS),
    ):
        if level := sum(value >= border for border in borders):
            yield f"{name}{level}"


def _describe_steps(borders: Sequence[float]) -> list[str]:
    """Return the ranges between borders."""
    shown = [f"{border:g}" for border in borders]
    between = [f"{low}–{high}" for low, high in pairwise(shown)]
    return [f"under {shown[0]}", *between, f"{shown[-1]} or more"]


def _choose_window(differences: Floats) -> Ints:
    """Return the first place of the part with the largest sum and the place after it, (2,); at most `_WORDS` words."""
    size = min(_WORDS, len(differences))
    sums = np.concatenate([[0.0], np.cumsum(differences)])
    start = int(np.argmax(sums[size:] - sums[:-size]))
    return np.array([start, start + size])


def _find_rows(rows: WordRows, document: int, start: int, end: int) -> tuple[int, int]:
    """Return the numbers of the first row of a passage and of the row after it."""
    begin, stop = _find_document(rows, document)
    starts, ends = rows.spans[begin:stop].T
    return begin + int(np.searchsorted(starts, start)), begin + int(np.searchsorted(ends, end, side="right"))


def _find_document(rows: WordRows, number: int) -> tuple[int, int]:
    """Return the numbers of the first row of a document and of the row after it."""
    begin, stop = np.searchsorted(rows.text.documents, [number, number + 1]).tolist()
    return begin, stop


def _find_typical(rows: WordRows) -> int:
    """Return the number of the document; see `find_typical_text`."""
    text = rows.text
    sizes = text.sum_documents(text.ends - text.starts)
    ours, theirs = text.sum_documents(text.bits)
    rates = (ours - theirs) / np.maximum(sizes, 1)
    distances = np.abs(rates - (ours - theirs).sum() / sizes.sum())
    return int(np.argmin(np.where(sizes >= np.median(sizes), distances, np.inf)))
