"""Counting n-grams of integers by sorting, vectorised, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.errors import CorpusError
from lmbench.workspace import Workspace

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Lengths = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counts:
    """All n-grams of one order that occur in a text, sorted by history, then word.

    keys    (n-grams,) int64: history << bits | word, ascending. The history is the row of the n-gram's first k-1 words
            in the order below (0 for unigrams); the word is the id of its last one
    bits    of a word id
    suffix  (n-grams,) row, in the order below, of the last k-1 words
    count   (n-grams,) how often it occurs
    opening first of the rows that start with ``<s>``, which are the last ones
    """

    keys: Ints
    bits: int
    suffix: Rows
    count: Rows
    opening: int

    @property
    def word(self) -> Ints:
        """Id of each n-gram's last word."""
        return self.keys & ((1 << self.bits) - 1)

    @property
    def history(self) -> Ints:
        """Row of each n-gram's history in the order below."""
        return self.keys >> self.bits


def open_lines(lines: Sequence[NDArray[np.int32]], start: int) -> Rows:
    """These lines in one array, `start` before each."""
    opening = np.array([start], dtype=np.int32)
    return np.concatenate([part for line in lines for part in (opening, line)]) if lines else opening[:0]


def open_text(ids: NDArray[np.int32], begins: Flags, start: int) -> tuple[Rows, Ints]:
    """The ids with `start` before each one that begins a line, and where in this the ids stand."""
    places = np.arange(len(ids)) + np.cumsum(begins)
    text = np.full(len(ids) + int(np.count_nonzero(begins)), start, dtype=np.int32)
    text[places] = ids
    return text, places


def count(text: Rows, start: int, order: int, workspace: Workspace) -> list[Counts]:
    """The n-grams of orders 1 to `order`, those that end in ``<s>`` excepted.

    Args: text, the ids of all lines, ``<s>`` before each; start, the id of ``<s>``, greater than all others. The places
    of the text are taken in blocks of those where the same words stand, and a block's n-grams are found order by order:
    among the places of one n-gram, those of the n-grams that are a word longer, by sorting the words that follow. What
    occurs once needs no more sorting. Raises CorpusError where there is no line.
    """
    if not len(text):
        raise CorpusError("the training split has no line to count n-grams in")
    bits = int(start).bit_length()
    unigrams = np.bincount(text, minlength=start + 1)
    left = _left_in_line(text, start, order)
    builders = [_Builder(k, len(text) if k < order else 0, bits, workspace) for k in range(2, order + 1)]
    for first, last in _blocks(unigrams, workspace.rows) if builders else ():
        starts = np.flatnonzero((text >= first) & (text < last)).astype(np.int32)
        rows, base = text[starts].astype(np.int64) - first, first
        for builder in builders:
            starts, rows, base = builder.extend(starts, rows, base, text, left)
    unigrams[start] = 0  # <s> is conditioned on, never predicted
    words = np.arange(start + 1)
    counts = [Counts(words, bits, np.zeros(start + 1, dtype=np.int32), unigrams.astype(np.int32), opening=start)]
    rank = text
    while builders:
        builder = builders.pop(0)
        counts.append(builder.finish(rank, counts[-1].opening))
        rank = builder.rank
    return counts


class _Builder:
    """The n-grams of one order, block after block.

    rank  (places,) row of the n-gram that starts at each place; empty for the highest order, where nobody asks
    """

    def __init__(self, order: int, places: int, bits: int, workspace: Workspace) -> None:
        self.rank = workspace.full(places, 0, np.int32)
        self._order, self._bits, self._workspace = order, bits, workspace
        self._keys, self._count = workspace.column(np.int64), workspace.column(np.int32)
        self._starts = workspace.column(np.int32)
        self._rows = 0

    def extend(self, starts: Rows, rows: Ints, base: int, text: Rows, left: Lengths) -> tuple[Rows, Ints, int]:
        """A block's n-grams of this order, from those of the order below.

        Args: starts, (places,), where these start; rows, (places,), number of each within the block, never falling
        but for unigrams; base, row of the block's first one. Returns the same of this order.
        """
        fits = np.flatnonzero(left[starts] >= self._order)
        starts, rows = starts[fits], rows[fits]
        word = text[starts + np.int32(self._order - 1)]
        unsorted = np.arange(len(rows)) if self._order == 2 else np.flatnonzero(np.bincount(rows)[rows] > 1)
        moved = unsorted[_sorting(rows[unsorted], word[unsorted], self._bits)]
        for column in (starts, rows, word):
            column[unsorted] = column[moved]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (rows[1:] != rows[:-1]) | (word[1:] != word[:-1])
        first = np.flatnonzero(new)
        self._keys.append((base + rows[first]) << self._bits | word[first])
        self._count.append(np.diff(first, append=len(rows)))
        self._starts.append(starts[first])
        block, base = np.cumsum(new) - 1, self._rows
        if len(self.rank):
            self.rank[starts] = block + base
        self._rows += len(first)
        return starts, block, base

    def finish(self, rank: Rows, opening: int) -> Counts:
        """All n-grams. Args: rank, of the order below; opening, of the order below."""
        keys, suffix = self._keys.finish(), self._starts.finish()
        for begin in range(0, len(suffix), self._workspace.rows):
            part = slice(begin, begin + self._workspace.rows)
            suffix[part] = rank[suffix[part] + np.int32(1)]  # where the n-gram starts gives way to what starts after it
        opening = int(np.searchsorted(keys, opening << self._bits))
        return Counts(keys, self._bits, suffix, self._count.finish(), opening)


def _left_in_line(text: Rows, start: int, order: int) -> Lengths:
    """How many ids are left in the line from each place on, `order` at most."""
    begins = np.flatnonzero(text == start)
    lengths = np.diff(begins, append=len(text))
    ends = np.repeat((begins + lengths).astype(np.int32), lengths)
    return np.minimum(ends - np.arange(len(text), dtype=np.int32), order).astype(np.uint8)


def _blocks(unigrams: Ints, rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of word ids that stand in at most `rows` places together, or of one word that stands in more."""
    until = np.cumsum(unigrams)
    first = 0
    while first < len(unigrams):
        before = int(until[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(until, before + rows, side="right")))
        yield first, last
        first = last


def _sorting(rows: Ints, word: Rows, bits: int) -> Ints:
    """What sorts n-grams by row, then word. Place and n-gram are sorted as one integer where both fit in one."""
    keys = rows << bits | word
    place_bits = len(rows).bit_length()
    if len(rows) and int(rows.max()).bit_length() + bits + place_bits <= 63:
        keys <<= place_bits
        keys |= np.arange(len(rows))
        keys.sort()
        return keys & ((1 << place_bits) - 1)
    return np.argsort(keys, kind="stable")
