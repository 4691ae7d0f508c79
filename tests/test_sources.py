import math

import numpy as np
import pytest

from lmbench.sources import MarkovSource, markov


@pytest.fixture(scope="module")
def source():
    return MarkovSource.random(seed=3, words=("a", "bb", "汉"), concentration=1.0, stop=0.2)


def test_rows_are_distributions_and_no_line_is_empty(source):
    assert source.transitions.sum(axis=2) == pytest.approx(np.ones((4, 4)))
    assert source.transitions[3, 3, 3] == 0
    assert all(len(line) > 1 for line in source.draw(200, np.random.default_rng(0)))


def test_drawn_lines_follow_the_transitions(source):
    lines = source.draw(20_000, np.random.default_rng(0))
    firsts = np.bincount([line[0] for line in lines], minlength=4) / len(lines)
    assert firsts == pytest.approx(source.transitions[3, 3], abs=0.015)


def test_a_lines_cost_is_the_product_of_its_transitions(source):
    p = source.transitions
    assert source.cost([0, 2, 3]) == pytest.approx(-math.log(p[3, 3, 0] * p[3, 0, 2] * p[0, 2, 3]))
    assert source.text([0, 2, 3]) == "a 汉\n"


def test_the_entropy_rate_of_a_coin():
    """Lines of fair coins; after each, the line ends with probability 1/2.

    The first coin costs 1 bit. Each later place is the end (1/2) or one of two coins (1/4 each): 1.5 bits, at 2 places
    on average. 2 coins, 1 space and 1 line end are 4 bytes.
    """
    transitions = np.zeros((3, 3, 3))
    transitions[:] = (0.25, 0.25, 0.5)
    transitions[:, 2] = (0.5, 0.5, 0)
    assert MarkovSource(("a", "b"), transitions).entropy_rate() == pytest.approx((1 + 2 * 1.5) / 4)


def test_the_entropy_rate_is_what_long_texts_cost(source):
    lines = source.draw(40_000, np.random.default_rng(1))
    size = sum(len(source.text(line).encode()) for line in lines)
    assert sum(map(source.cost, lines)) / math.log(2) / size == pytest.approx(source.entropy_rate(), rel=0.01)


def test_the_embedded_corpus_is_always_the_same():
    corpus = markov()
    assert corpus.test.fingerprint == markov().test.fingerprint
    assert len(corpus.floor) == len(corpus.test.documents)
    assert sum(corpus.floor) / math.log(2) / corpus.test.size == pytest.approx(0.833, abs=0.02)


def test_a_trigram_model_comes_near_the_floor_and_not_below():
    from lmbench import ModelSpec, build, evaluate

    corpus = markov()
    metrics = {}
    for order in (1, 2, 3):
        from lmbench.metrics import summarise

        counts = evaluate(build(ModelSpec.parse(f"kenlm:order={order}")), corpus).counts
        metrics[order] = summarise(counts, corpus.floor)
    floor = metrics[3].floor
    assert floor < metrics[3].bits_per_byte < 1.08 * floor
    assert metrics[1].bits_per_byte > metrics[2].bits_per_byte > 1.3 * metrics[3].bits_per_byte
