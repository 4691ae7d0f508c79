"""Interpolated modified Kneser-Ney estimation over integer n-grams, vectorized.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, in the form that
KenLM's lmplz gives it (Heafield et al., "Scalable modified Kneser-Ney language model estimation", 2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lmbench.ngrams.backoff import Order
from lmbench.ngrams.counts import Counts, Flags, Ints, Rows, count, slices
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.ngrams.workspace import Workspace

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
Discounts = tuple[float, float, float]

_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""What lmplz --discount_fallback takes for D1, D2 and D3+."""
_NOTHING = 1e-9  # what rounding may leave of a discount of 0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to estimate; lmplz has an option for each.

    order                 length of the longest n-gram
    prune                 for each order, the number of occurrences up to which an n-gram is left out; the last number
                          holds for all further orders. They never fall
    interpolate_unigrams  whether what the unigrams' discounts free goes to all words evenly, or to ``<unk>``
    precision             type of the probabilities
    """

    order: int
    prune: tuple[int, ...] = (0,)
    interpolate_unigrams: bool = True
    precision: DTypeLike = np.float64


@dataclass(frozen=True, slots=True)
class Estimate:
    """N-grams with their probabilities, and how they were discounted.

    orders     from unigrams up. A word that was pruned keeps its row among the unigrams, and has no probability
    kept       (words,) whether a word was not pruned
    discounts  D1, D2 and D3+ of each order
    fallback   the orders whose discounts are lmplz's fallback, since the counts of counts gave none, or one that would
               leave an event without probability, which lmplz accepts
    """

    orders: list[Order]
    kept: Flags
    discounts: list[Discounts]
    fallback: list[int]


def estimate(
    text: Rows, vocabulary: int, settings: Settings, allowed: Flags | None = None, workspace: Workspace | None = None
) -> Estimate:
    """The n-grams of orders 1 to settings.order.

    Args: text, the ids of all lines, ``<s>`` before each, the line end's at its end; vocabulary, number of ids, those
    of the unknown word (0) and the line end (1) included, which is also the id of ``<s>``; allowed, (ids,), n-grams
    with other words are left out. Raises CorpusError where there is no line.

    With a(g) the number of distinct words before g (for the highest order, and for n-grams that start with ``<s>``, the
    number of times that g occurs): P(w | h) = (a(hw) - D(a(hw))) / a(h.) + b(h) P(w | h'), with
    b(h) = (D1 N1(h) + D2 N2(h) + D3+ N3+(h)) / a(h.), and below the unigrams the uniform distribution over the words
    that are kept. Of an n-gram that is left out, b(h) has all of a(hw).
    """
    workspace = workspace or Workspace()
    counted = count(text, vocabulary, settings.order, workspace)
    below = _Below(np.zeros(1), np.ones(1), kept=None, renumbered=None)
    estimate = Estimate([], np.ones(vocabulary + 1, dtype=bool), [], [])
    for k in range(1, settings.order + 1):
        counts = counted.pop(0)  # what an order's counts take is given back as soon as may be
        kept = _kept(counts, k, settings, allowed, below, workspace)
        adjusted = _adjusted(counts, counted[0] if counted else None, workspace)
        discounts = _discounts(adjusted, workspace)
        if discounts and not _leave_something(discounts, k, settings):
            discounts = None
        estimate.fallback.extend([] if discounts else [k])
        estimate.discounts.append(discounts or _FALLBACK_DISCOUNTS)
        keys, probs = _interpolate(counts, k, kept, adjusted, estimate.discounts[-1], below, settings, workspace)
        backoffs = workspace.full(len(probs) if counted else 0, 1, settings.precision)
        estimate.orders.append(Order(keys, counts.bits, probs, backoffs))
        if k == 1 and kept is not None:
            estimate.kept[:] = kept
        renumbered = None if kept is None or k == 1 else _renumbered(kept, workspace)
        below = _Below(probs, backoffs, kept, renumbered)
    return estimate


@dataclass(frozen=True, slots=True)
class _Below:
    """The order below: what its n-grams have, and which of its counted rows are kept, as which rows.

    None stands for all, and as they were: pruned words keep their rows. The order above fills in the back-offs.
    """

    probs: Floats
    backoffs: Floats
    kept: Flags | None
    renumbered: Rows | None

    def rows(self, counted: Integers) -> Integers:
        """The rows of counted rows that are kept."""
        return counted if self.renumbered is None else self.renumbered[counted]

    def fill(self, first: int, weights: Floats) -> None:
        """Set the back-offs of the counted rows from `first` on."""
        if self.renumbered is None or self.kept is None:
            self.backoffs[first : first + len(weights)] = weights
            return
        kept = self.kept[first : first + len(weights)]
        self.backoffs[self.renumbered[first : first + len(weights)][kept]] = weights[kept]


def _kept(
    counts: Counts, k: int, settings: Settings, allowed: Flags | None, below: _Below, workspace: Workspace
) -> Flags | None:
    """Which n-grams are kept; None for all. An n-gram's history is kept if it is, since thresholds never fall."""
    threshold = settings.prune[min(k, len(settings.prune)) - 1]
    if threshold == 0 and allowed is None and below.kept is None:
        return None
    column = workspace.column(np.bool_, len(counts.keys))
    for rows in slices(len(counts.keys), workspace.rows):
        kept = counts.count[rows] > threshold
        if allowed is not None:
            kept &= allowed[counts.keys[rows] & ((1 << counts.bits) - 1)]
        if below.kept is not None:
            kept &= below.kept[counts.keys[rows] >> counts.bits]
        column.append(kept)
    kept = column.finish()
    if k == 1:
        kept[[UNKNOWN_ID, LINE_END_ID, counts.opening]] = True
    return kept


def _adjusted(counts: Counts, above: Counts | None, workspace: Workspace) -> Rows:
    """Number of distinct words before each n-gram; its raw count where it starts a line or is of the highest order."""
    if above is None:
        return counts.count
    adjusted: Rows = workspace.full(len(counts.count), 0, np.int32)
    for rows in slices(len(above.suffix), workspace.rows):
        np.add.at(adjusted, above.suffix[rows], np.int32(1))  # of the same type: several times as fast
    adjusted[counts.opening :] = counts.count[counts.opening :]
    return adjusted


def _discounts(adjusted: Rows, workspace: Workspace) -> Discounts | None:
    """D1, D2, D3+ by equation 26 of Chen and Goodman.

    None where lmplz takes the fallback (if it is allowed to): n1, n2 or n3 is 0, or a Dk is outside [0, k].
    """
    numbers = np.zeros(6, dtype=np.int64)
    for rows in slices(len(adjusted), workspace.rows):
        numbers += np.bincount(np.minimum(adjusted[rows], 5), minlength=6)
    _, n1, n2, n3, n4, _ = numbers.tolist()
    if not (n1 and n2 and n3):
        return None
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return discounts if all(0 <= discount <= k for k, discount in enumerate(discounts, start=1)) else None


def _leave_something(discounts: Discounts, k: int, settings: Settings) -> bool:
    """Whether no event of order k is left without probability, which lmplz does not ask.

    Where a Dk is 0, after a history whose words were all counted so often no other is possible; of the unigrams, some
    are counted otherwise. Where D3+ is 3 and unigrams are not interpolated, a word that was counted three times is not.
    """
    if k == 1:
        return settings.interpolate_unigrams or discounts[2] < 3 - _NOTHING
    return min(discounts) > _NOTHING


def _interpolate(
    counts: Counts,
    k: int,
    kept: Flags | None,
    adjusted: Rows,
    discounts: Discounts,
    below: _Below,
    settings: Settings,
    workspace: Workspace,
) -> tuple[Ints, Floats]:
    """Keys and probabilities of the n-grams that are kept; the weights of their histories go to the order below."""
    most = len(counts.keys)
    keys, probs = workspace.column(np.int64, most), workspace.column(settings.precision, most)
    discount_of = np.array([0.0, *discounts])
    for rows in _whole_histories(counts, workspace.rows):
        key, number = counts.keys[rows], adjusted[rows]
        histories = key >> counts.bits
        first = int(histories[0])
        discount = discount_of[np.minimum(number, 3)]
        stays = None if kept is None else kept[rows]
        total = np.bincount(histories - first, weights=number)
        freed = np.bincount(histories - first, weights=discount if stays is None else np.where(stays, discount, number))
        followed = total > 0
        weights = np.divide(freed, total, out=np.ones(len(total)), where=followed)
        below.fill(first, weights)
        own = (number - discount) / np.where(followed, total, 1.0)[histories - first]
        if k == 1:
            probs.append(
                _unigrams(own, weights[0], np.ones(len(own), dtype=bool) if stays is None else stays, settings)
            )
            continue
        suffix = counts.suffix[rows]
        if stays is not None:
            own, histories, suffix, key = own[stays], histories[stays], suffix[stays], key[stays]
            history = below.rows(histories).astype(np.int64)  # a row of 32 bits leaves no room for a word
            keys.append(history << counts.bits | key & ((1 << counts.bits) - 1))
        probs.append(own + weights[histories - first] * below.probs[below.rows(suffix)])
    return counts.keys if kept is None or k == 1 else keys.finish(), probs.finish()


def _unigrams(own: Floats, weight: float, stays: Flags | None, settings: Settings) -> Floats:
    """The unigrams' probabilities; 1 for ``<s>``, which is never predicted."""
    kept = np.ones(len(own), dtype=bool) if stays is None else stays
    probs = np.where(kept, own, 0.0)
    if settings.interpolate_unigrams:
        probs[kept] += weight / (np.count_nonzero(kept) - 1)
    else:
        probs[UNKNOWN_ID] += weight
    probs[-1] = 1.0
    return probs


def _renumbered(kept: Flags, workspace: Workspace) -> Rows:
    """Each row's number among those that are kept."""
    column, before = workspace.column(np.int32, len(kept)), 0
    for rows in slices(len(kept), workspace.rows):
        numbers = before + np.cumsum(kept[rows])
        column.append(numbers - 1)
        before = int(numbers[-1])
    return column.finish()


def _whole_histories(counts: Counts, rows: int) -> Iterator[slice]:
    """All n-grams, about so many rows at once, those with the same history together."""
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
