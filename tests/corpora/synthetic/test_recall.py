import math
from itertools import product

import numpy as np
import pytest

from lmbench.corpora.synthetic.recall import RecallOptions


def test_hand_computed_events():
    """Distance 2, 3 words. The line continues with 0.4, so that a repetition has 0.4 x 0.7 + 0.4 x 0.3 / 3."""
    source = RecallOptions(distance=2, words=3, repeat=0.7, stop=0.6).source()
    probabilities = np.exp(source.score("ba be ba ba\n").logprobs)
    assert probabilities.tolist() == pytest.approx([1 / 3, 1 / 3, 0.32, 0.04, 0.6])


def test_each_symbol_is_charged_by_the_rule():
    """d uniform words; later, the end with s, or else the word d back with r, or else any word."""
    source = RecallOptions(distance=2, words=3, repeat=0.7, stop=0.4).source()
    symbols = source.draw(200, np.random.default_rng(0))
    logprobs = iter(source.logprobs(symbols))
    line = []
    for symbol in symbols:
        early = len(line) < 2
        other = 0.6 * 0.3 / 3
        word = 1 / 3 if early else other + 0.6 * 0.7 * (symbol == line[-2])
        probability = word if symbol != source.end else 0.4
        assert next(logprobs) == pytest.approx(math.log(probability))
        line = [] if symbol == source.end else [*line, symbol]


def test_the_entropy_rate_of_pure_repetition():
    """One of two words is repeated until the line ends: 1 bit, and 2 events of 1 bit on average; 2 words, 6 bytes."""
    source = RecallOptions(distance=1, words=2, repeat=1, stop=0.5).source()
    assert source.entropy_rate() == pytest.approx(3 / 6)


def test_short_lines_have_the_mass_that_stopping_implies():
    source = RecallOptions(distance=3, words=2, stop=0.3).source()
    lines = [[*line, 2] for length in range(3, 7) for line in product(range(2), repeat=length)]
    assert np.exp(-source.costs(np.concatenate(lines))).sum() == pytest.approx(1 - 0.7**4)
    assert source.costs(np.array([0, 1, 2])).tolist() == [math.inf]  # too short


def test_words_nearer_than_the_distance_are_uninformative():
    """P(c | a b) is uniform over the drawn triples within a line, and P(d | a b c) is not."""
    source = RecallOptions(distance=3, words=3, stop=0.05).source()
    symbols = source.draw(40_000, np.random.default_rng(0))
    triples, quadruples = (np.lib.stride_tricks.sliding_window_view(symbols, n) for n in (3, 4))
    for windows, least, most in ((triples, 0.31, 0.36), (quadruples, 0.03, 0.95)):
        within = windows[(windows != source.end).all(axis=1)]
        after = np.bincount(within[(within[:, :-1] == 0).all(axis=1)][:, -1], minlength=3)
        share = after / after.sum()
        assert least < share.min() <= share.max() < most
    assert share.max() > 0.9 - 0.02
