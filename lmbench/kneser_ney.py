"""Interpolated modified Kneser-Ney estimation over integer n-grams, vectorised.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, in the form that
KenLM's lmplz gives it (Heafield et al., "Scalable modified Kneser-Ney language model estimation", 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.errors import CorpusError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""What lmplz --discount_fallback takes for D1, D2 and D3+."""


@dataclass(frozen=True, slots=True)
class Order:
    """All n-grams of one order, sorted by history, then word.

    history   (n-grams,) row of the n-gram's first k-1 words in the order below; empty for unigrams
    word      (n-grams,) id of its last word; unigrams are 0 .. vocabulary size, and the last one is ``<s>``
    probs     (n-grams,) P(word | history), interpolated; 1 for the unigram ``<s>``, which is never predicted
    backoffs  (n-grams,) the weight of the lower order after this n-gram; 1 where nothing followed it
    discounts D1, D2 and D3+
    fallback  whether the discounts are lmplz's fallback, since the counts of counts gave none
    """

    history: Ints
    word: Ints
    probs: Floats
    backoffs: Floats
    discounts: tuple[float, float, float]
    fallback: bool


@dataclass(frozen=True, slots=True)
class _Counts:
    """N-grams of one order with their raw counts; suffix is the row, in the order below, of the last k-1 words."""

    history: Ints
    word: Ints
    suffix: Ints
    count: Ints
    starts_line: NDArray[np.bool_]


def estimate(lines: list[NDArray[np.int32]], vocabulary: int, order: int) -> list[Order]:
    """The n-grams of orders 1 to `order`.

    Args: lines, one array of ids a line, its last the line end's; vocabulary, number of ids, the unknown word's and
    the line end's included. Raises CorpusError where there is no line.

    With a(g) the number of distinct words before g (for the highest order, and for n-grams that start with ``<s>``, the
    number of times that g occurs): P(w | h) = (a(hw) - D(a(hw))) / a(h.) + b(h) P(w | h'), with
    b(h) = (D1 N1(h) + D2 N2(h) + D3+ N3+(h)) / a(h.), and below the unigrams the uniform 1 / vocabulary.
    """
    if not lines:
        raise CorpusError("the training split has no line to count n-grams in")
    counted = _count(lines, vocabulary, order)
    estimated: list[tuple[_Counts, Floats, Floats, tuple[float, float, float], bool]] = []
    lower = np.array([1 / vocabulary])
    for k, counts in enumerate(counted, start=1):
        adjusted = _adjusted(counts, counted[k] if k < order else None)
        discounts, fallback = _discounts(adjusted)
        histories = len(counted[k - 2].word) if k > 1 else 1
        probs, weights = _interpolate(counts, adjusted, discounts, lower, histories)
        if k == 1:
            probs[vocabulary] = 1.0
        estimated.append((counts, probs, weights, discounts, fallback))
        lower = probs
    return [
        Order(
            counts.history,
            counts.word,
            probs,
            backoffs=estimated[k][2] if k < order else np.ones(len(probs)),
            discounts=discounts,
            fallback=fallback,
        )
        for k, (counts, probs, _, discounts, fallback) in enumerate(estimated, start=1)
    ]


def _count(lines: list[NDArray[np.int32]], vocabulary: int, order: int) -> list[_Counts]:
    start = np.array([vocabulary])
    ids = np.concatenate([part for line in lines for part in (start, line)]).astype(np.int64)
    lengths = np.array([len(line) + 1 for line in lines])
    position = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)

    raw = np.bincount(ids, minlength=vocabulary + 1)
    raw[vocabulary] = 0  # <s> is conditioned on, never predicted
    words = np.arange(vocabulary + 1)
    zeros = np.zeros(vocabulary + 1, dtype=np.int64)
    orders = [_Counts(zeros, words, zeros, raw, starts_line=words == vocabulary)]
    rows = ids  # row of the n-gram that ends at each place
    for k in range(2, order + 1):
        places = np.flatnonzero(position >= k - 1)
        keys = rows[places - 1] * (vocabulary + 1) + ids[places]
        unique, first, inverse, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        history, word = np.divmod(unique, vocabulary + 1)
        orders.append(_Counts(history, word, rows[places[first]], count, orders[-1].starts_line[history]))
        rows = np.full(len(ids), -1)
        rows[places] = inverse
    return orders


def _adjusted(counts: _Counts, above: _Counts | None) -> Ints:
    """Number of distinct words before each n-gram; its raw count where it starts a line or is of the highest order."""
    if above is None:
        return counts.count
    distinct = np.bincount(above.suffix, minlength=len(counts.word))
    return np.where(counts.starts_line, counts.count, distinct)


def _discounts(adjusted: Ints) -> tuple[tuple[float, float, float], bool]:
    """D1, D2, D3+ by equation 26 of Chen and Goodman, and whether they are the fallback.

    lmplz takes the fallback (where it is allowed to) when n1, n2 or n3 is 0, or when a Dk is outside [0, k].
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(adjusted == k)) for k in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return _FALLBACK_DISCOUNTS, True
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    if any(not 0 <= discount <= k for k, discount in enumerate(discounts, start=1)):
        return _FALLBACK_DISCOUNTS, True
    return discounts, False


def _interpolate(
    counts: _Counts, adjusted: Ints, discounts: tuple[float, float, float], lower: Floats, histories: int
) -> tuple[Floats, Floats]:
    """Probabilities of the n-grams, and back-off weights of the histories: 1 for those that nothing followed."""
    discount = np.array([0.0, *discounts])[np.minimum(adjusted, 3)]
    total = np.bincount(counts.history, weights=adjusted, minlength=histories)
    freed = np.bincount(counts.history, weights=discount, minlength=histories)
    followed = total > 0
    weights = np.divide(freed, total, out=np.ones(histories), where=followed)
    own = (adjusted - discount) / np.where(followed, total, 1.0)[counts.history]
    return own + weights[counts.history] * lower[counts.suffix], weights
