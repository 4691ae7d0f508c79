"""What the events after each history of a back-off model sum to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lmbench.ngrams.backoff import Order, probabilities
from lmbench.ngrams.counts import Ints, slices

_AT_ONCE = 1 << 18  # n-grams


def history_sums(orders: Sequence[Order]) -> tuple[Ints, NDArray[np.float64]]:
    """The histories of the highest order, as rows of the order below, and what all events after each sum to.

    As far as the weights of the history go: what follows its shorter one is taken to sum to 1. With h' for h without
    its first word, the sum over the words seen after h of P(w | h), and backoff(h) times what they leave of P(w | h').
    """
    *lower, highest = orders
    start = len(orders[0].keys) - 1  # <s>, the last, is never predicted
    seen, left = np.zeros(len(lower[-1].keys)), np.ones(len(lower[-1].keys))
    for part in slices(len(highest.keys), _AT_ONCE):
        rows = np.arange(part.start, part.stop)
        words = ngram_words(orders, rows)
        shorter = probabilities(lower, words[:, 1:].reshape(-1)).reshape(len(words), -1)[:, -1]
        predicted = words[:, -1] != start
        histories = highest.keys[part] >> highest.bits
        block = slice(histories[0], histories[-1] + 1)
        seen[block] += np.bincount(histories - histories[0], highest.probs[part] * predicted)
        left[block] -= np.bincount(histories - histories[0], shorter * predicted)
    histories = np.unique(highest.history)
    return histories, (seen + lower[-1].backoffs * left)[histories]


def ngram_words(orders: Sequence[Order], rows: Ints) -> NDArray[np.int32]:
    """The words of n-grams of the highest order, (rows, order)."""
    columns = []
    for order in reversed(orders):
        keys = order.keys[rows]
        columns.append((keys & ((1 << order.bits) - 1)).astype(np.int32))
        rows = keys >> order.bits
    return np.stack(columns[::-1], axis=1)
