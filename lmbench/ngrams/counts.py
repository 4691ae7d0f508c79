"""Counting n-grams of integers by sorting, vectorized, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.errors import CorpusError
from lmbench.ngrams.workspace import Workspace

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Lengths = NDArray[np.uint8]
Flags = NDArray[np.bool_]

_READ_AT_ONCE = 1 << 16
_DIGIT = 16  # bits
_MOST = 1 << 31  # places are int32


@dataclass(frozen=True, slots=True)
class SortedNgrams:
    """N-grams of one order, sorted by history, then word.

    keys  (n-grams,) int64: history << bits | word, ascending. The history is the row of the n-gram's first k-1 words
          in the order below (0 for unigrams); the word is the id of its last one
    bits  of a word id
    """

    keys: Ints
    bits: int

    @property
    def word(self) -> Ints:
        """Id of each n-gram's last word."""
        return self.keys & ((1 << self.bits) - 1)

    @property
    def history(self) -> Ints:
        """Row of each n-gram's history in the order below."""
        return self.keys >> self.bits


@dataclass(frozen=True, slots=True)
class Counts(SortedNgrams):
    """All n-grams of one order that occur in a text.

    suffix  (n-grams,) row, in the order below, of the last k-1 words
    count   (n-grams,) how often it occurs
    opening first of the rows that start with ``<s>``, which are the last ones
    """

    suffix: Rows
    count: Rows
    opening: int


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


def open_ended(ids: NDArray[np.int32], line_end: int, start: int) -> Rows:
    """The ids of lines, `line_end` at the end of each, with `start` before each; beside them it takes little memory."""
    lines = sum(np.count_nonzero(ids[part] == line_end) for part in slices(len(ids), _READ_AT_ONCE))
    text = np.full(len(ids) + lines, start, dtype=np.int32)
    opened = 1
    for part in slices(len(ids), _READ_AT_ONCE):
        ended = np.cumsum(ids[part] == line_end)
        text[np.arange(part.start, part.stop) + opened + np.append(0, ended[:-1])] = ids[part]
        opened += int(ended[-1])
    return text


def slices(length: int, rows: int) -> Iterator[slice]:
    """So many rows at once."""
    return (slice(start, min(start + rows, length)) for start in range(0, length, rows))


def count(text: Rows, start: int, order: int, workspace: Workspace) -> list[Counts]:
    """The n-grams of orders 1 to `order`, those that end in ``<s>`` excepted.

    Args: text, the ids of all lines, ``<s>`` before each; start, the id of ``<s>``, greater than all others. The places
    of the text are taken in blocks of those where the same words stand, as many as the workspace's rows, or those of
    one pair of words that stands in more, and a block's n-grams are found order by order: among the places of one
    n-gram, those of the n-grams that are a word longer, by sorting the words that follow. What occurs once needs no
    more sorting. Raises CorpusError where there is no line, or where there are 2^31 ids.
    """
    if not len(text):
        raise CorpusError("the training split has no line to count n-grams in")
    if len(text) >= _MOST:
        raise CorpusError(f"the training split has {len(text):,} ids, and n-grams are counted in fewer than {_MOST:,}")
    bits = int(start).bit_length()
    unigrams = np.zeros(start + 1, dtype=np.int64)
    for part in slices(len(text), workspace.rows):
        unigrams += np.bincount(text[part], minlength=start + 1)
    left = _left_in_line(text, start, order, workspace)
    builders = [_Builder(k, len(text), k < order, bits, workspace) for k in range(2, order + 1)]
    for first, starts in _blocks(text, unigrams, workspace.rows) if builders else ():
        rows, base = text[starts].astype(np.int64) - first, first
        for builder in builders:
            starts, rows, base = builder.extend(starts, rows, base, text, left)
        del starts, rows  # before the next block's are made
    del left
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

    def __init__(self, order: int, places: int, ranked: bool, bits: int, workspace: Workspace) -> None:
        self.rank = workspace.full(places if ranked else 0, 0, np.int32)
        self._order, self._bits, self._workspace = order, bits, workspace
        self._keys, self._count = workspace.column(np.int64, places), workspace.column(np.int32, places)
        self._starts = workspace.column(np.int32, places)
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


def _left_in_line(text: Rows, start: int, order: int, workspace: Workspace) -> Lengths:
    """How many ids are left in the line from each place on, `order` at most."""
    column = workspace.column(np.uint8, len(text))
    for part in slices(len(text), workspace.rows):
        left = np.full(part.stop - part.start, order, dtype=np.uint8)
        for k in range(order - 1, 0, -1):
            later = text[part.start + k : part.stop + k]
            left[: len(later)][later == start] = k
            left[len(later) :] = k  # the text ends
        column.append(left)
    return column.finish()


def _blocks(text: Rows, unigrams: Ints, rows: int) -> Iterator[tuple[int, Rows]]:
    """The places where words stand, block after block of at most `rows` places: a block's first word, its places.

    The places of one word that stands in more are blocks by the word that follows.
    """
    for first, last in _ranges(unigrams, rows):
        if unigrams[first] <= rows:
            yield first, _places(text, rows, (first, last))
            continue
        followers = np.zeros(len(unigrams), dtype=np.int64)
        for part in slices(len(text) - 1, rows):
            followers += np.bincount(
                text[part.start + 1 : part.stop + 1][text[part] == first], minlength=len(followers)
            )
        for after in _ranges(followers[:-1], rows):  # <s> follows no word of its line
            yield first, _places(text, rows, (first, last), after)


def _ranges(numbers: Ints, rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of word ids that stand in at most `rows` places together, or of one word that stands in more."""
    until = np.cumsum(numbers)
    first = 0
    while first < len(numbers):
        before = int(until[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(until, before + rows, side="right")))
        yield first, last
        first = last


def _places(text: Rows, rows: int, words: tuple[int, int], after: tuple[int, int] | None = None) -> Rows:
    """The places of words in a range, or of those that are followed by a word in another range."""
    found = []
    for part in slices(len(text) - (after is not None), rows):
        chosen = (text[part] >= words[0]) & (text[part] < words[1])
        if after is not None:
            following = text[part.start + 1 : part.stop + 1]
            chosen &= (following >= after[0]) & (following < after[1])
        found.append((part.start + np.flatnonzero(chosen)).astype(np.int32))
    return np.concatenate([np.zeros(0, dtype=np.int32), *found])


def _sorting(rows: Ints, word: Rows, bits: int) -> Ints:
    """What sorts n-grams by row, then word; equal ones stay in their order.

    NumPy sorts integers of 16 bits, and no longer ones, digit by digit: several times as fast as it compares them.
    """
    keys = rows << bits | word
    places = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(_DIGIT, int(keys.max(initial=0)).bit_length(), _DIGIT):
        digits = (keys >> shift).astype(np.uint16)
        places = places.take(np.argsort(digits.take(places), kind="stable"))
    return places
