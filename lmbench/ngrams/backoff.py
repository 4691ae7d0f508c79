"""Back-off n-grams in sorted arrays, looked up many at a time.

P(w | h) is the n-gram's own probability if the n-gram is listed. Otherwise it is P(w | h') times the back-off weight of
h, where h' is h without its first word; the weight of a history that is not listed is 1 (Katz 1987). ARPA files hold
any n-gram model in this form, interpolated ones included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmbench.arrays import AnyFloats, AnyInts, Floats, Ids, Ints
from lmbench.ngrams.counts import SortedNgrams

_LARGEST_DIGIT = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True)
class Order(SortedNgrams):
    """All n-grams of one order. Every word has a unigram.

    No n-gram reaches across a line: ``<s>``, the last unigram, is at most its first word. A text of many lines, each
    after its ``<s>``, can therefore be looked up as one sequence.

    Attributes:
        probs: (n-grams,) P(word | history).
        backoffs: (n-grams,) weight of the lower order after this n-gram. Empty for the highest order.
    """

    probs: AnyFloats
    backoffs: AnyFloats

    def rows(self, histories: Ints, words: AnyInts) -> Ints:
        """Look up n-grams. Equal ones in a row are looked up once.

        Args:
            histories: (queries,) rows of the histories in the order below.
            words: (queries,) ids of the last words.

        Returns:
            The rows of the n-grams, (queries,); -1 for an n-gram that is not listed.
        """
        if not len(self.keys):
            return np.full(len(histories), -1)
        wanted = histories << self.bits | words
        new = np.ones(len(wanted), dtype=bool)
        np.not_equal(wanted[1:], wanted[:-1], out=new[1:])
        once = wanted.compress(new)
        rows = np.searchsorted(self.keys, once)
        rows[self.keys.take(rows, mode="clip") != once] = -1
        return rows.take(np.cumsum(new) - 1)

    def children(self, history: int) -> slice:
        """Return the rows of the n-grams with this history."""
        first, last = np.searchsorted(self.keys, [history << self.bits, (history + 1) << self.bits])
        return slice(int(first), int(last))


@dataclass(frozen=True, slots=True)
class Matches:
    """The n-grams of one order that occur in a text.

    Attributes:
        ends: (positions,) positions in the text whose history is listed.
        histories: (positions,) rows of these histories in the order below.
        found: (n-grams,) indices into `ends` at which the n-gram is also listed.
        rows: (n-grams,) rows of these n-grams.
    """

    ends: Ints
    histories: Ints
    found: Ints
    rows: Ints


def look_up(orders: Sequence[Order], text: Ids) -> Iterator[Matches]:
    """Find the n-grams of a text, order by order from bigrams up.

    An n-gram is looked up only if the n-gram without its last word is listed. The positions are sorted by the words
    that begin there, since sorted look-ups stay in the cache and are several times as fast.
    """
    starts = _by_next_words(text)
    rows = text.take(starts).astype(np.int64)
    for k, order in enumerate(orders[1:], start=1):
        inside = np.flatnonzero(starts < len(text) - k)
        starts, histories = starts.take(inside), rows.take(inside)
        ends = starts + k
        rows = order.rows(histories, text.take(ends))
        found = np.flatnonzero(rows >= 0)
        rows = rows.take(found)
        yield Matches(ends, histories, found, rows)
        starts = starts.take(found)


def probabilities(orders: Sequence[Order], text: Ids) -> Floats:
    """Return P of each id after those before it, (ids,). The values at ``<s>``, which opens each line, mean nothing."""
    probs = orders[0].probs.take(text).astype(np.float64)
    for (lower, upper), matches in zip(pairwise(orders), look_up(orders, text), strict=True):
        longer = probs.take(matches.ends) * lower.backoffs.take(matches.histories)
        longer[matches.found] = upper.probs.take(matches.rows)
        probs[matches.ends] = longer
    return probs


def _by_next_words(text: Ids) -> Ints:
    """Sort all positions but the last by the word there and the next two.

    NumPy sorts integers of 16 bits digit by digit, ten times as fast as longer ones. Larger ids, which
    a lexicon gives to rare words, therefore count as equal.
    """
    digits = np.zeros(len(text) + 1, dtype=np.uint16)
    digits[:-1] = np.minimum(text, _LARGEST_DIGIT)
    positions = np.argsort(digits[2:], kind="stable")
    for offset in (1, 0):
        positions = positions.take(np.argsort(digits[offset:].take(positions), kind="stable"))
    return positions


def next_probabilities(orders: Sequence[Order], history: Sequence[int]) -> Floats:
    """Return P of each id after a history that begins with ``<s>``, (ids,). The value of ``<s>`` means nothing."""
    probs = orders[0].probs.astype(np.float64)
    for k, (lower, upper) in enumerate(pairwise(orders), start=1):
        row = _row(orders, history[-k:]) if k <= len(history) else None
        if row is not None:
            children = upper.children(row)
            probs *= lower.backoffs[row]
            probs[upper.words_of(children)] = upper.probs[children]
    return probs


def _row(orders: Sequence[Order], words: Sequence[int]) -> int | None:
    """Return the row of the n-gram of these words; None if it is not listed."""
    row = words[0]
    for order, word in zip(orders[1:], words[1:], strict=False):
        wanted = row << order.bits | word
        row = int(np.searchsorted(order.keys, wanted))
        if row == len(order.keys) or order.keys[row] != wanted:
            return None
    return row
