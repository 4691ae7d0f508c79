import math
from itertools import product

import numpy as np
import pytest

from lmbench.corpora.synthetic.recall import RecallOptions


def test_hand_computed_places():
    """Two words back; three words; 0.4 x 0.7 + 0.4 x 0.3 / 3 for the repetition, as the line goes on with 0.4."""
    source = RecallOptions(distance=2, words=3, repeat=0.7, stop=0.6).source()
    probabilities = np.exp(source.score("ba be ba ba\n").logprobs)
    assert probabilities.tolist() == pytest.approx([1 / 3, 1 / 3, 0.32, 0.04, 0.6])


def test_the_entropy_rate_of_pure_repetition():
    """One of two words, said again until the line ends: 1 bit, and 2 places of 1 bit on average; 2 words, 6 bytes."""
    source = RecallOptions(distance=1, words=2, repeat=1, stop=0.5).source()
    assert source.entropy_rate() == pytest.approx(3 / 6)


def test_all_lines_of_up_to_six_words_have_the_mass_that_stopping_gives_them():
    source = RecallOptions(distance=3, words=2, stop=0.3).source()
    lines = [[*line, 2] for length in range(3, 7) for line in product(range(2), repeat=length)]
    assert np.exp(-source.costs(np.concatenate(lines))).sum() == pytest.approx(1 - 0.7**4)
    assert source.costs(np.array([0, 1, 2])).tolist() == [math.inf]  # too short


def test_fewer_words_back_than_the_distance_say_nothing():
    """P(c | a b) is uniform over the drawn triples that do not end a line, and P(d | a b c) is not."""
    source = RecallOptions(distance=3, words=3, stop=0.05).source()
    symbols = source.draw(40_000, np.random.default_rng(0))
    triples, quadruples = (np.lib.stride_tricks.sliding_window_view(symbols, n) for n in (3, 4))
    for windows, least, most in ((triples, 0.31, 0.36), (quadruples, 0.03, 0.95)):
        within = windows[(windows != source.end).all(axis=1)]
        after = np.bincount(within[(within[:, :-1] == 0).all(axis=1)][:, -1], minlength=3)
        share = after / after.sum()
        assert least < share.min() <= share.max() < most
    assert share.max() > 0.9 - 0.02
