"""Count n-grams of integers by sorting, vectorized, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.arrays import AnyInts, Flags, Ids, Int32s, Ints
from lmbench.errors import CorpusError
from lmbench.ngrams.workspace import Workspace

_READ_AT_ONCE = 1 << 16
_DIGIT_BITS = 16
_MAX_IDS = 1 << 31  # positions in the text are int32


@dataclass(frozen=True, slots=True)
class SortedNgrams:
    """N-grams of one order, sorted by history, then by word.

    Attributes:
        keys: (n-grams,) ``history << bits | word``, ascending. The history is the row of the n-gram's first k - 1 words
            in the order below (0 for unigrams); the word is the id of its last word.
        bits: Number of bits of a word id.
    """

    keys: Ints
    bits: int

    @property
    def word(self) -> Ints:
        """Ids of the n-grams' last words, (n-grams,)."""
        return self.words_of(slice(None))

    @property
    def history(self) -> Ints:
        """Rows of the n-grams' histories in the order below, (n-grams,)."""
        return self.histories_of(slice(None))

    def words_of(self, rows: slice | AnyInts) -> Ints:
        """Return the ids of the last words of some rows."""
        return self.keys[rows] & ((1 << self.bits) - 1)

    def histories_of(self, rows: slice | AnyInts) -> Ints:
        """Return the histories of some rows, as rows of the order below."""
        return self.keys[rows] >> self.bits


@dataclass(frozen=True, slots=True)
class NgramCounts(SortedNgrams):
    """All n-grams of one order that occur in a text.

    Attributes:
        suffix: (n-grams,) row of the n-gram's last k - 1 words in the order below.
        count: (n-grams,) how often it occurs.
        opening: The first of the rows that begin with ``<s>``, which are the last ones.
    """

    suffix: Int32s
    count: Int32s
    opening: int


def join_lines(lines: Sequence[Ids], start: int) -> Ids:
    """Join lines into one array, with `start` before each line."""
    opening = np.array([start], dtype=np.int32)
    return np.concatenate([part for line in lines for part in (opening, line)]) if lines else opening[:0]


def insert_starts(ids: Ids, begins: Flags, start: int) -> tuple[Ids, Ints]:
    """Insert `start` before each id that begins a line.

    Args:
        ids: The ids of a text.
        begins: (ids,) whether the id begins a line.
        start: The id of ``<s>``.

    Returns:
        The longer text, and the position of each id in it, (ids,).
    """
    positions = np.arange(len(ids)) + np.cumsum(begins)
    text = np.full(len(ids) + int(np.count_nonzero(begins)), start, dtype=np.int32)
    text[positions] = ids
    return text, positions


def insert_starts_after(ids: Ids, line_end: int, start: int) -> Ids:
    """Insert `start` before each line of a text in which every line ends with `line_end`.

    This takes little memory in addition to the two texts.
    """
    lines = sum(np.count_nonzero(ids[part] == line_end) for part in slices(len(ids), _READ_AT_ONCE))
    text = np.full(len(ids) + lines, start, dtype=np.int32)
    inserted = 1
    for part in slices(len(ids), _READ_AT_ONCE):
        ended = np.cumsum(ids[part] == line_end)
        text[np.arange(part.start, part.stop) + inserted + np.append(0, ended[:-1])] = ids[part]
        inserted += int(ended[-1])
    return text


def slices(length: int, rows: int) -> Iterator[slice]:
    """Cut the range from 0 to `length` into slices of `rows` rows; the last one may be shorter."""
    return (slice(start, min(start + rows, length)) for start in range(0, length, rows))


def count_ngrams(text: Ids, start: int, order: int, workspace: Workspace) -> list[NgramCounts]:
    """Count the n-grams of orders 1 to `order`, except those that end in ``<s>``.

    The text is sorted block by block. A block holds all positions at which some words occur, so that the n-grams that
    begin with these words are in no other block. Within a block, the positions of an n-gram are sorted by the word that
    follows: this gives the n-grams that are one word longer, and so on up to `order`. A block is about as long as the
    workspace's rows; a pair of words that occurs more often is a block of its own.

    Args:
        text: The ids of all lines, ``<s>`` before each.
        start: The id of ``<s>``, greater than all others.
        order: The length of the longest n-grams.
        workspace: Makes the arrays.

    Raises:
        CorpusError: The text is empty, or has 2^31 ids or more.
    """
    _check_length(text)
    words = _count_words(text, start, workspace.rows)
    builders = [_Builder(k, k < order, text, start, workspace) for k in range(2, order + 1)]
    if builders:
        _fill(builders, text, words, start, workspace)
    words[start] = 0  # <s> is conditioned on, never predicted
    counts = [_as_unigrams(words)]
    row_at = text
    while builders:
        builder = builders.pop(0)  # so that its memory is freed
        counts.append(builder.finish(row_at, counts[-1].opening))
        row_at = builder.row_at
    return counts


def _check_length(text: Ids) -> None:
    if not len(text):
        raise CorpusError("cannot count n-grams: the training split does not contain a line")
    if len(text) >= _MAX_IDS:
        size = f"the training split has {len(text):,} ids"
        raise CorpusError(f"{size}, and n-grams can be counted in fewer than {_MAX_IDS:,}; train on a part of it")


def _count_words(text: Ids, start: int, rows: int) -> Ints:
    """Count each id of the text, (ids,)."""
    words = np.zeros(start + 1, dtype=np.int64)
    for part in slices(len(text), rows):
        words += np.bincount(text[part], minlength=start + 1)
    return words


def _as_unigrams(words: Ints) -> NgramCounts:
    start = len(words) - 1
    suffix = np.zeros(len(words), dtype=np.int32)
    return NgramCounts(np.arange(len(words)), start.bit_length(), suffix, words.astype(np.int32), opening=start)


@dataclass(frozen=True, slots=True)
class _NgramBlock:
    """The positions of some n-grams of one order that are neighbors in sorted order.

    Attributes:
        starts: (positions,) index in the text at which each n-gram starts.
        numbers: (positions,) number of the n-gram within the block. Ascending, except in a block of unigrams.
        first: Row of the n-gram with number 0.
    """

    starts: Int32s
    numbers: Ints
    first: int


def _fill(builders: Sequence[_Builder], text: Ids, words: Ints, start: int, workspace: Workspace) -> None:
    """Give the builders all n-grams of the text."""
    left = _count_left(text, start, len(builders) + 1, workspace)
    for block in _split(text, words, workspace.rows):
        for builder in builders:
            block = builder.extend(block, text, left)
        del block  # frees its arrays before the next block is made


class _Builder:
    """Collects the n-grams of one order, block after block.

    Attributes:
        row_at: (positions,) row of the n-gram that starts at each position of the text. Empty for the highest order,
            for which nothing needs it.
    """

    def __init__(self, order: int, extended: bool, text: Ids, start: int, workspace: Workspace) -> None:
        length = len(text)
        self.row_at: Int32s = workspace.full(length if extended else 0, 0, np.int32)
        self._order, self._bits, self._workspace = order, start.bit_length(), workspace
        self._keys, self._count = workspace.growing(np.int64, length), workspace.growing(np.int32, length)
        self._starts = workspace.growing(np.int32, length)
        self._rows = 0

    def extend(self, block: _NgramBlock, text: Ids, left: NDArray[np.uint8]) -> _NgramBlock:
        """Find the n-grams of this order among the positions of a block of the order below.

        Args:
            block: A block of the order below.
            text: The text.
            left: (positions,) ids that are left in the line from each position on.

        Returns:
            The block of this order.
        """
        fits = np.flatnonzero(left[block.starts] >= self._order)
        starts, histories = block.starts[fits], block.numbers[fits]
        words = text[starts + np.int32(self._order - 1)]
        self._sort(starts, histories, words)
        new = np.ones(len(words), dtype=bool)
        new[1:] = (histories[1:] != histories[:-1]) | (words[1:] != words[:-1])
        first = np.flatnonzero(new)
        self._keys.append((block.first + histories[first]) << self._bits | words[first])
        self._count.append(np.diff(first, append=len(words)))
        self._starts.append(starts[first])
        longer = _NgramBlock(starts, np.cumsum(new) - 1, self._rows)
        if len(self.row_at):
            self.row_at[starts] = longer.numbers + longer.first
        self._rows += len(first)
        return longer

    def _sort(self, starts: Int32s, histories: Ints, words: Int32s) -> None:
        """Sort three columns in place, by history, then by word. A history that occurs once is already sorted."""
        is_bigram = self._order == 2  # histories that are unigrams are not sorted
        unsorted = np.arange(len(words)) if is_bigram else np.flatnonzero(np.bincount(histories)[histories] > 1)
        moved = unsorted[_argsort(histories[unsorted], words[unsorted], self._bits)]
        for column in (starts, histories, words):
            column[unsorted] = column[moved]

    def finish(self, row_below_at: Int32s, opening_below: int) -> NgramCounts:
        """Return all n-grams of this order.

        Args:
            row_below_at: `row_at` of the order below.
            opening_below: `opening` of the order below.
        """
        keys, suffix = self._keys.finish(), self._starts.finish()
        for part in slices(len(suffix), self._workspace.rows):  # each start gives way to the row that starts after it
            suffix[part] = row_below_at[suffix[part] + np.int32(1)]
        opening = int(np.searchsorted(keys, opening_below << self._bits))
        return NgramCounts(keys, self._bits, suffix, self._count.finish(), opening)


def _count_left(text: Ids, start: int, order: int, workspace: Workspace) -> NDArray[np.uint8]:
    """Count the ids that are left in the line from each position on, up to `order`."""
    column = workspace.growing(np.uint8, len(text))
    for part in slices(len(text), workspace.rows):
        left = np.full(part.stop - part.start, order, dtype=np.uint8)
        for k in range(order - 1, 0, -1):
            later = text[part.start + k : part.stop + k]
            left[: len(later)][later == start] = k
            left[len(later) :] = k  # the text ends
        column.append(left)
    return column.finish()


def _split(text: Ids, words: Ints, rows: int) -> Iterator[_NgramBlock]:
    """Split the positions of a text into blocks of unigrams, each of at most `rows` positions if possible.

    The positions of a word that occurs more often are split by the word that follows.
    """
    for first, last in _ranges(words, rows):
        if words[first] <= rows:
            yield _unigram_block(text, first, _find_positions(text, rows, (first, last)))
            continue
        for followers in _ranges(_count_followers(text, first, rows, len(words)), rows):
            yield _unigram_block(text, first, _find_positions(text, rows, (first, last), followers))


def _unigram_block(text: Ids, first: int, starts: Int32s) -> _NgramBlock:
    return _NgramBlock(starts, text[starts].astype(np.int64) - first, first)


def _count_followers(text: Ids, word: int, rows: int, words: int) -> Ints:
    """Count the words after `word`, without ``<s>``, which follows no word of its own line."""
    followers = np.zeros(words, dtype=np.int64)
    for part in slices(len(text) - 1, rows):
        following = text[part.start + 1 : part.stop + 1]
        followers += np.bincount(following[text[part] == word], minlength=words)
    return followers[:-1]


def _ranges(counts: Ints, rows: int) -> Iterator[tuple[int, int]]:
    """Cut the ids into ranges that occur at most `rows` times together; an id that occurs more often is one alone."""
    until = np.cumsum(counts)
    first = 0
    while first < len(counts):
        before = int(until[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(until, before + rows, side="right")))
        yield first, last
        first = last


def _find_positions(text: Ids, rows: int, words: tuple[int, int], followers: tuple[int, int] | None = None) -> Int32s:
    """Find the positions of the words in a range, or only those that a word in another range follows."""
    found = []
    for part in slices(len(text) - (followers is not None), rows):
        chosen = _is_within(text[part], words)
        if followers is not None:
            chosen &= _is_within(text[part.start + 1 : part.stop + 1], followers)
        found.append((part.start + np.flatnonzero(chosen)).astype(np.int32))
    return np.concatenate([np.zeros(0, dtype=np.int32), *found])


def _is_within(ids: Ids, bounds: tuple[int, int]) -> Flags:
    return (ids >= bounds[0]) & (ids < bounds[1])


def _argsort(histories: Ints, words: Int32s, bits: int) -> Ints:
    """Return the indices that sort n-grams by history, then by word; equal ones keep their order.

    NumPy sorts integers of 16 bits digit by digit, several times as fast as longer ones.
    """
    keys = histories << bits | words
    indices = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(_DIGIT_BITS, int(keys.max(initial=0)).bit_length(), _DIGIT_BITS):
        digits = (keys >> shift).astype(np.uint16)
        indices = indices.take(np.argsort(digits.take(indices), kind="stable"))
    return indices
