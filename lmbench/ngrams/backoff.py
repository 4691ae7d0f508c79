"""Back-off n-grams in sorted arrays: looking many events up at once, without a loop over them.

P(w | h) is the n-gram's own probability where it is there; else that of w after the history without its first word,
times the history's back-off weight, 1 where there is none (Katz 1987; the form in which ARPA files hold any n-gram
model, interpolated ones included).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lmbench.ngrams.counts import Ints, SortedNgrams

Floats = NDArray[np.floating]

_LARGEST_DIGIT = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True)
class Order(SortedNgrams):
    """All n-grams of one order; each word has its unigram.

    probs     (n-grams,) P(word | history)
    backoffs  (n-grams,) the weight of the lower order after this n-gram; empty for the highest order
    """

    probs: Floats
    backoffs: Floats

    def rows(self, histories: Ints, words: NDArray[np.integer]) -> Ints:
        """The rows of these n-grams, (queries,), -1 where one is not there. Equal ones in a row are looked up once."""
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
        """The rows of the n-grams with this history."""
        first, last = np.searchsorted(self.keys, [history << self.bits, (history + 1) << self.bits])
        return slice(int(first), int(last))


def look_up(orders: Sequence[Order], text: NDArray[np.int32]) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
    """For orders 2, 3, …: the places of a text whose history is there, its rows, which n-grams are there, their rows.

    The n-grams that start at each place are looked up, shortest first: where one is not there, no longer one is. Sorted
    look-ups are several times as fast as others, since they stay in the cache.
    """
    starts = _by_next_words(text)
    rows = text.take(starts).astype(np.int64)
    for k, order in enumerate(orders[1:], start=1):
        inside = np.flatnonzero(starts < len(text) - k)
        starts, rows = starts.take(inside), rows.take(inside)
        ends = starts + k
        below = order.rows(rows, text.take(ends))
        found = np.flatnonzero(below >= 0)
        below = below.take(found)
        yield ends, rows, found, below
        starts, rows = starts.take(found), below


def probabilities(orders: Sequence[Order], text: NDArray[np.int32]) -> NDArray[np.float64]:
    """P of each id of a text after those before it, (ids,); for ``<s>``, which opens each line, it means nothing."""
    probs = orders[0].probs.take(text).astype(np.float64)
    for (lower, upper), (ends, histories, found, rows) in zip(pairwise(orders), look_up(orders, text), strict=True):
        longer = probs.take(ends) * lower.backoffs.take(histories)
        longer[found] = upper.probs.take(rows)
        probs[ends] = longer
    return probs


def _by_next_words(text: NDArray[np.int32]) -> Ints:
    """All places but the last, sorted by the words that stand there, and by the two after them.

    NumPy sorts integers of 16 bits digit by digit, ten times as fast as longer ones. Ids that are longer, those of rare
    words in a lexicon, count as equal here.
    """
    digits = np.zeros(len(text) + 1, dtype=np.uint16)
    digits[:-1] = np.minimum(text, _LARGEST_DIGIT)
    places = np.argsort(digits[2:], kind="stable")
    for offset in (1, 0):
        places = places.take(np.argsort(digits[offset:].take(places), kind="stable"))
    return places


def next_probabilities(orders: Sequence[Order], history: Sequence[int]) -> NDArray[np.float64]:
    """P of each id after a history that ``<s>`` opens, (ids,); for ``<s>`` itself it means nothing."""
    probs = orders[0].probs.astype(np.float64)
    for k, (lower, upper) in enumerate(pairwise(orders), start=1):
        row = _row(orders, history[-k:]) if k <= len(history) else None
        if row is None:
            continue
        probs *= lower.backoffs[row]
        children = upper.children(row)
        probs[upper.keys[children] & ((1 << upper.bits) - 1)] = upper.probs[children]
    return probs


def _row(orders: Sequence[Order], words: Sequence[int]) -> int | None:
    """The row of these words' n-gram; None where it is not there."""
    row = words[0]
    for order, word in zip(orders[1:], words[1:], strict=False):
        wanted = row << order.bits | word
        row = int(np.searchsorted(order.keys, wanted))
        if row == len(order.keys) or order.keys[row] != wanted:
            return None
    return row
