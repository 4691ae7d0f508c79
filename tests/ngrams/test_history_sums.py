from itertools import pairwise

import numpy as np
import pytest

from lmbench.ngrams.backoff import Order, next_probabilities
from lmbench.ngrams.counts import join_lines
from lmbench.ngrams.history_sums import history_sums, ngram_words
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate

LINES = [np.array(line, dtype=np.int32) for line in ([2, 3, 1], [2, 4, 3, 1], [3, 2, 2, 1], [1], [4, 3, 2, 3, 1])]
START = 5


def kneser_ney(order):
    return list(estimate(join_lines(LINES, START), START, KneserNeySettings(order)).orders)


@pytest.mark.parametrize("block", [1, 3, 1 << 18])
def test_probabilities_after_each_history_sum_to_one(monkeypatch, block):
    monkeypatch.setattr("lmbench.ngrams.history_sums._NGRAMS_AT_ONCE", block)
    orders = kneser_ney(4)
    for k in (2, 3, 4):
        histories, sums = history_sums(orders[:k])
        assert histories.tolist() == np.unique(orders[k - 1].history).tolist()
        assert len(histories) > 3
        np.testing.assert_allclose(sums, 1, atol=1e-12)


def test_a_wrong_weight_changes_only_the_sum_of_its_history():
    """That sum is the one over the distribution after the history, by brute force."""
    orders = kneser_ney(3)
    row = int(orders[2].history[0])
    weights = orders[1].backoffs.copy()
    weights[row] *= 2
    orders[1] = Order(orders[1].keys, orders[1].bits, orders[1].probs, weights)
    histories, sums = history_sums(orders)
    wrong = histories[np.abs(sums - 1) > 1e-9]
    assert wrong.tolist() == [row]
    [words] = ngram_words(orders[:2], np.array([row]))
    brute = next_probabilities(orders, words.tolist())[:START].sum()
    assert sums[histories == row] == pytest.approx(brute, abs=1e-12)
    assert abs(brute - 1) > 0.05


def test_the_start_of_a_line_is_never_predicted():
    """A file may give it a probability, which sums leave out."""
    unigrams, bigrams = kneser_ney(2)
    keys = np.append(bigrams.keys, 2 << bigrams.bits | START)
    by_key = np.argsort(keys)
    odd = Order(keys[by_key], bigrams.bits, np.append(bigrams.probs, 0.5)[by_key], bigrams.backoffs)
    assert len(keys) == len(bigrams.keys) + 1
    np.testing.assert_allclose(history_sums([unigrams, odd])[1], 1, atol=1e-12)


def test_the_words_of_n_grams():
    orders = kneser_ney(3)
    words = ngram_words(orders, np.arange(len(orders[2].keys)))
    found = {tuple(three) for line in LINES for three in zip([START, *line], line, line[1:], strict=False)}
    assert {tuple(row) for row in words.tolist()} == {tuple(map(int, three)) for three in found}
    assert all(tuple(one) < tuple(other) for one, other in pairwise(words.tolist()))
