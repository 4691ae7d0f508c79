"""Sum the probabilities after each history of a back-off model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmbench.arrays import Floats, Ids, Ints
from lmbench.ngrams.backoff import Order, probabilities
from lmbench.ngrams.counts import slices

_NGRAMS_AT_ONCE = 1 << 18


def history_sums(orders: Sequence[Order]) -> tuple[Ints, Floats]:
    """Sum the probabilities of all events after each history of the highest order.

    The probabilities after the history without its first word, h', are taken to sum to 1. The sum after h is then that
    of P(w | h) over the words listed after h, plus backoff(h) times 1 minus the sum of P(w | h') over the same words.

    Args:
        orders: From unigrams up, at least two.

    Returns:
        The histories, as rows of the order below the highest, and their sums.
    """
    *lower, highest = orders
    start = len(orders[0].keys) - 1  # <s>, the last word, is never predicted
    listed, left = np.zeros(len(lower[-1].keys)), np.ones(len(lower[-1].keys))
    for part in slices(len(highest.keys), _NGRAMS_AT_ONCE):
        words = ngram_words(orders, np.arange(part.start, part.stop))
        shorter = probabilities(lower, words[:, 1:].reshape(-1)).reshape(len(words), -1)[:, -1]
        predicted = words[:, -1] != start
        histories = highest.histories_of(part)
        block = slice(histories[0], histories[-1] + 1)
        listed[block] += np.bincount(histories - histories[0], highest.probs[part] * predicted)
        left[block] -= np.bincount(histories - histories[0], shorter * predicted)
    histories = np.unique(highest.history)
    return histories, (listed + lower[-1].backoffs * left)[histories]


def ngram_words(orders: Sequence[Order], rows: Ints) -> Ids:
    """Return the words of n-grams of the highest order, (rows, order)."""
    columns = []
    for order in reversed(orders):
        columns.append(order.words_of(rows).astype(np.int32))
        rows = order.histories_of(rows)
    return np.stack(columns[::-1], axis=1)
