"""Interpolated modified Kneser-Ney estimation over integer n-grams, vectorized.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, as implemented by KenLM's
lmplz (Heafield et al., "Scalable modified Kneser-Ney language model estimation", 2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from lmbench.arrays import AnyFloats, AnyInts, Flags, Floats, Ids, Int32s, Ints
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.counts import NgramCounts, count_ngrams, slices
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.ngrams.workspace import Workspace

Discounts = tuple[float, float, float]
"""D1, D2 and D3+: what is subtracted from counts of 1, 2, and 3 or more."""
CountsOfCounts = tuple[int, int, int, int]
"""n1 to n4: how many n-grams have a count a(g) of 1, 2, 3 and 4."""

_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""The discounts of lmplz --discount_fallback."""
_ROUNDING = 1e-9  # largest rounding error of a discount of 0


@dataclass(frozen=True, slots=True)
class KneserNeySettings:
    """How to estimate. lmplz has an option for each.

    Attributes:
        order: Length of the longest n-gram.
        prune: The highest count that is pruned, for orders 1, 2, …; never falling. The last one holds for all longer
            n-grams.
        interpolate_unigrams: Whether all words share what the unigrams' discounts free; otherwise ``<unk>`` gets it.
        precision: Type of the probabilities.
    """

    order: int
    prune: tuple[int, ...] = (0,)
    interpolate_unigrams: bool = True
    precision: DTypeLike = np.float64

    def threshold(self, k: int) -> int:
        """Return the highest count of order k that is pruned."""
        return self.prune[min(k, len(self.prune)) - 1]


@dataclass(frozen=True, slots=True)
class Estimate:
    """N-grams with their probabilities, and how they were discounted.

    Attributes:
        orders: From unigrams up. A pruned word keeps its row among the unigrams, with probability 0.
        kept: (words,) whether the word was not pruned.
        discounts: The discounts of each order.
        counts_of_counts: The counts of counts of each order, from which the discounts follow.
        fallback: The orders that have lmplz's fallback discounts, because the counts of counts gave none, or gave
            discounts that would leave an event without probability. lmplz accepts the latter.
    """

    orders: list[Order]
    kept: Flags
    discounts: list[Discounts]
    counts_of_counts: list[CountsOfCounts]
    fallback: list[int]


def estimate(
    text: Ids,
    vocabulary: int,
    settings: KneserNeySettings,
    allowed: Flags | None = None,
    workspace: Workspace | None = None,
) -> Estimate:
    """Estimate the n-grams of orders 1 to ``settings.order``.

    Let a(g) be the number of distinct words before the n-gram g; for n-grams of the highest order and for those that
    begin with ``<s>``, the number of times that g occurs. Then

        P(w | h) = (a(hw) - D(a(hw))) / a(h.) + b(h) P(w | h')
        b(h) = (D1 N1(h) + D2 N2(h) + D3+ N3+(h)) / a(h.)

    where h' is h without its first word, a(h.) is the sum of a(hw) over all words w, and N1(h), N2(h) and N3+(h) count
    the words w with a(hw) of 1, 2, and 3 or more. Below the unigrams is the uniform distribution over the words that
    are kept. If hw is pruned, all of a(hw) goes to b(h).

    Args:
        text: The ids of all lines, each with ``<s>`` before it and the line end at its end.
        vocabulary: Number of ids, including 0 for the unknown word and 1 for the line end. Also the id of ``<s>``.
        settings: How to estimate.
        allowed: (ids,) whether n-grams that contain the word are kept; None to keep all.
        workspace: Makes the arrays.

    Raises:
        CorpusError: The text is empty.
    """
    workspace = workspace or Workspace()
    counted = count_ngrams(text, vocabulary, settings.order, workspace)
    estimator = _Estimator(settings, allowed, workspace)
    while counted:
        counts = counted.pop(0)  # so that its memory is freed as soon as the order is estimated
        estimator.add(counts, counted[0] if counted else None)
    return estimator.finish()


@dataclass(frozen=True, slots=True)
class _Shares:
    """How discounting divides the probability after some histories.

    Attributes:
        first: Row of the first history.
        history: (n-grams,) number of each n-gram's history among these.
        own: (n-grams,) (a(hw) - D(a(hw))) / a(h.).
        freed: (histories,) b(h); 1 for a history that nothing follows.
    """

    first: int
    history: Ints
    own: Floats
    freed: Floats


@dataclass(frozen=True, slots=True)
class _DiscountedCounts:
    """The counted n-grams of one order, and what is subtracted from them.

    Attributes:
        order: Length of the n-grams.
        counts: The n-grams.
        adjusted: (n-grams,) a(g).
        kept: (n-grams,) whether the n-gram is kept; None if all are.
        discounts: The values that are subtracted from a(g).
    """

    order: int
    counts: NgramCounts
    adjusted: Int32s
    kept: Flags | None
    discounts: Discounts

    def shares(self, rows: slice) -> _Shares:
        """Divide the probability after some histories. `rows` are all n-grams with these histories."""
        number, history = self.adjusted[rows], self.counts.histories_of(rows)
        first = int(history[0])
        history = history - first
        discount = np.array([0.0, *self.discounts])[np.minimum(number, 3)]
        lost = discount if self.kept is None else np.where(self.kept[rows], discount, number)
        total = np.bincount(history, weights=number)
        freed = np.bincount(history, weights=lost)
        own = (number - discount) / total[history]
        return _Shares(first, history, own, np.divide(freed, total, out=np.ones(len(total)), where=total > 0))


@dataclass(frozen=True, slots=True)
class _OrderWithoutBackoffs:
    """An order whose back-off weights are not known until the order above is estimated.

    Attributes:
        keys: As in Order.
        bits: As in Order.
        probs: As in Order.
        kept: (counted n-grams,) whether the n-gram is kept; None if all are.
        renumbered: (counted n-grams,) the row of each n-gram that is kept; None if all rows stay the same.
    """

    keys: Ints
    bits: int
    probs: AnyFloats
    kept: Flags | None
    renumbered: Int32s | None

    def rows(self, counted: AnyInts) -> AnyInts:
        """Return the rows of n-grams that are kept, given their rows in the counts."""
        return counted if self.renumbered is None else self.renumbered[counted]

    def store(self, shares: _Shares, backoffs: AnyFloats) -> None:
        """Write the back-off weights of the histories that are kept into `backoffs`, (n-grams,)."""
        counted = slice(shares.first, shares.first + len(shares.freed))
        if self.renumbered is None or self.kept is None:
            backoffs[counted] = shares.freed
        else:
            kept = self.kept[counted]
            backoffs[self.renumbered[counted][kept]] = shares.freed[kept]

    def with_backoffs(self, backoffs: AnyFloats) -> Order:
        """Return the complete order."""
        return Order(self.keys, self.bits, self.probs, backoffs)


_EMPTY_NGRAM = _OrderWithoutBackoffs(np.zeros(1, dtype=np.int64), 0, np.ones(1), kept=None, renumbered=None)
"""Order 0: the history of the unigrams."""


class _Estimator:
    """Estimates the orders of a model, from unigrams up."""

    def __init__(self, settings: KneserNeySettings, allowed: Flags | None, workspace: Workspace) -> None:
        self._settings, self._allowed, self._workspace = settings, allowed, workspace
        self._below = _EMPTY_NGRAM
        self._orders: list[Order] = []  # from order 0 up
        self._kept_words: Flags | None = None
        self._discounts: list[Discounts] = []
        self._counts_of_counts: list[CountsOfCounts] = []
        self._fallback: list[int] = []

    def add(self, counts: NgramCounts, above: NgramCounts | None) -> None:
        """Estimate the next order, and the back-off weights of the order below it.

        Args:
            counts: The n-grams of this order.
            above: The n-grams of the order above; None for the highest order.
        """
        level = self._discount(counts, above)
        order, backoffs = self._estimate(level)
        self._orders.append(self._below.with_backoffs(backoffs))
        self._below = order
        if level.order == 1:
            self._kept_words = level.kept

    def finish(self) -> Estimate:
        """Return the estimate once every order is added."""
        no_backoffs = self._workspace.full(0, 1, self._settings.precision)
        orders = [*self._orders[1:], self._below.with_backoffs(no_backoffs)]
        words = len(orders[0].keys)
        kept = np.ones(words, dtype=bool) if self._kept_words is None else np.array(self._kept_words)
        return Estimate(orders, kept, self._discounts, self._counts_of_counts, self._fallback)

    def _discount(self, counts: NgramCounts, above: NgramCounts | None) -> _DiscountedCounts:
        """Adjust the counts, select the n-grams to keep, and find the discounts."""
        k = len(self._orders) + 1
        kept, adjusted = self._select(k, counts), self._adjust(counts, above)
        counts_of_counts = _count_counts(adjusted, self._workspace)
        self._counts_of_counts.append(counts_of_counts)
        discounts = _discounts(counts_of_counts)
        if discounts is None or not _leave_something(discounts, k, self._settings):
            discounts = _FALLBACK_DISCOUNTS
            self._fallback.append(k)
        self._discounts.append(discounts)
        return _DiscountedCounts(k, counts, adjusted, kept, discounts)

    def _select(self, k: int, counts: NgramCounts) -> Flags | None:
        """Select the n-grams to keep; None for all. Since thresholds never fall, their histories are also kept."""
        threshold, kept_below = self._settings.threshold(k), self._below.kept
        if threshold == 0 and self._allowed is None and kept_below is None:
            return None
        column = self._workspace.growing(np.bool_, len(counts.keys))
        for rows in slices(len(counts.keys), self._workspace.rows):
            kept = counts.count[rows] > threshold
            if self._allowed is not None:
                kept &= self._allowed[counts.words_of(rows)]
            if kept_below is not None:
                kept &= kept_below[counts.histories_of(rows)]
            column.append(kept)
        selected: Flags = column.finish()
        if k == 1:
            selected[[UNKNOWN_ID, LINE_END_ID, counts.opening]] = True
        return selected

    def _adjust(self, counts: NgramCounts, above: NgramCounts | None) -> Int32s:
        """Return a(g) of each n-gram."""
        if above is None:
            return counts.count
        adjusted: Int32s = self._workspace.full(len(counts.count), 0, np.int32)
        for rows in slices(len(above.suffix), self._workspace.rows):
            np.add.at(adjusted, above.suffix[rows], np.int32(1))  # of the array's type: several times as fast
        adjusted[counts.opening :] = counts.count[counts.opening :]
        return adjusted

    def _estimate(self, level: _DiscountedCounts) -> tuple[_OrderWithoutBackoffs, AnyFloats]:
        """Estimate an order. Return it, and the back-off weights of the order below."""
        counts, precision = level.counts, self._settings.precision
        backoffs: AnyFloats = self._workspace.full(len(self._below.probs), 1, precision)
        probs = self._workspace.growing(precision, len(counts.keys))
        for rows in _whole_histories(counts, self._workspace.rows):
            shares = level.shares(rows)
            self._below.store(shares, backoffs)
            probs.append(self._unigrams(level, shares) if level.order == 1 else self._interpolate(level, rows, shares))
        if level.order == 1 or level.kept is None:  # pruned words keep their rows
            keys, renumbered = counts.keys, None
        else:
            keys, renumbered = self._keys(counts, level.kept), self._renumber(level.kept)
        return _OrderWithoutBackoffs(keys, counts.bits, probs.finish(), level.kept, renumbered), backoffs

    def _unigrams(self, level: _DiscountedCounts, shares: _Shares) -> Floats:
        """Return the probabilities of all unigrams. ``<s>``, which is never predicted, gets 1."""
        kept = np.ones(len(shares.own), dtype=bool) if level.kept is None else level.kept
        probs = np.where(kept, shares.own, 0.0)
        if self._settings.interpolate_unigrams:
            probs[kept] += shares.freed[0] / (np.count_nonzero(kept) - 1)
        else:
            probs[UNKNOWN_ID] += shares.freed[0]
        probs[-1] = 1.0
        return probs

    def _interpolate(self, level: _DiscountedCounts, rows: slice, shares: _Shares) -> Floats:
        """Return the probabilities of the n-grams in `rows` that are kept."""
        kept: slice | Flags = slice(None) if level.kept is None else level.kept[rows]
        lower = self._below.probs[self._below.rows(level.counts.suffix[rows][kept])]
        probs: Floats = shares.own[kept] + shares.freed[shares.history[kept]] * lower
        return probs

    def _keys(self, counts: NgramCounts, kept: Flags) -> Ints:
        """Return the keys of the n-grams that are kept, over the rows of the order below that are kept."""
        column = self._workspace.growing(np.int64, len(counts.keys))
        for rows in slices(len(counts.keys), self._workspace.rows):
            histories = self._below.rows(counts.histories_of(rows)[kept[rows]]).astype(np.int64)  # 32 bits overflow
            column.append(histories << counts.bits | counts.words_of(rows)[kept[rows]])
        keys: Ints = column.finish()
        return keys

    def _renumber(self, kept: Flags) -> Int32s:
        """Return each n-gram's number among those that are kept."""
        column, before = self._workspace.growing(np.int32, len(kept)), 0
        for rows in slices(len(kept), self._workspace.rows):
            numbers = before + np.cumsum(kept[rows])
            column.append(numbers - 1)
            before = int(numbers[-1])
        renumbered: Int32s = column.finish()
        return renumbered


def _count_counts(adjusted: Int32s, workspace: Workspace) -> CountsOfCounts:
    numbers = np.zeros(6, dtype=np.int64)
    for rows in slices(len(adjusted), workspace.rows):
        numbers += np.bincount(np.minimum(adjusted[rows], 5), minlength=6)
    _, n1, n2, n3, n4, _ = numbers.tolist()
    return n1, n2, n3, n4


def _discounts(counts_of_counts: CountsOfCounts) -> Discounts | None:
    """Return the discounts by equation 26 of Chen and Goodman.

    Return None if lmplz needs its fallback: no n-gram has a(g) of 1, or none of 2, or none of 3, or a discount Dk is
    outside [0, k].
    """
    n1, n2, n3, n4 = counts_of_counts
    if not (n1 and n2 and n3):
        return None
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return discounts if all(0 <= discount <= k for k, discount in enumerate(discounts, start=1)) else None


def _leave_something(discounts: Discounts, k: int, settings: KneserNeySettings) -> bool:
    """Return whether every event of order k has a probability under these discounts. lmplz does not ask.

    If a Dk is 0, no other word is possible after a history whose words were all counted k times. This does not happen
    to unigrams, which are not all counted equally often. If D3+ is 3 and unigrams are not interpolated, a word that was
    counted three times has no probability.
    """
    if k == 1:
        return settings.interpolate_unigrams or discounts[2] < 3 - _ROUNDING
    return min(discounts) > _ROUNDING


def _whole_histories(counts: NgramCounts, rows: int) -> Iterator[slice]:
    """Cut the n-grams into slices of about `rows` rows that do not separate n-grams with the same history."""
    keys, bits, length = counts.keys, counts.bits, len(counts.keys)
    start = 0
    while start < length:
        end = min(start + rows, length)
        if end < length:
            history = int(keys[end]) >> bits
            end = int(np.searchsorted(keys, history << bits))
            if end == start:
                end = int(np.searchsorted(keys, (history + 1) << bits))
        yield slice(start, end)
        start = end
