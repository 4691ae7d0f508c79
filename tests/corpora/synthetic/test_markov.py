import math
from itertools import product

import numpy as np
import pytest

from lmbench.corpora.synthetic.markov import MarkovOptions, MarkovSource


def test_the_entropy_rate_of_a_coin():
    """Lines of fair coins; after each, the line ends with probability 1/2.

    The first coin costs 1 bit. Each later place is the end (1/2) or one of two coins (1/4 each): 1.5 bits, at 2 places
    on average. 2 coins, 1 space and 1 line end are 4 bytes.
    """
    for order in (1, 2, 3):
        transitions = np.tile([0.25, 0.25, 0.5], (3**order, 1))
        transitions[2::3] = (0.5, 0.5, 0)
        assert MarkovSource(("a", "b"), order, transitions).entropy_rate() == pytest.approx((1 + 2 * 1.5) / 4)


def test_a_lines_cost_is_the_product_of_its_transitions():
    source = MarkovOptions(order=2, words=3).source()
    p = source.transitions.reshape(4, 4, 4)
    symbols = np.array([0, 2, 3, 1, 3])
    assert source.costs(symbols).tolist() == pytest.approx(
        [-math.log(p[3, 3, 0] * p[3, 0, 2] * p[0, 2, 3]), -math.log(p[3, 3, 1] * p[3, 1, 3])]
    )
    assert source.texts(symbols) == ("ba bi\n", "be\n")


@pytest.mark.parametrize("order", [1, 2, 3])
def test_all_lines_of_up_to_five_words_have_the_mass_that_stopping_gives_them(order):
    """Each word ends the line with probability stop, so that n words or fewer have 1 - (1 - stop)^n."""
    source = MarkovOptions(order=order, words=2, stop=0.3, concentration=1).source()
    for most in (1, 3, 5):
        lines = [[*line, 2] for length in range(1, most + 1) for line in product(range(2), repeat=length)]
        mass = np.exp(-source.costs(np.concatenate(lines))).sum()
        assert mass == pytest.approx(1 - 0.7**most)


def test_a_chain_of_order_2_is_one_of_order_3_that_forgets():
    """The closed forms of two different tables of the same source agree."""
    two = MarkovOptions(order=2, words=3, concentration=0.5).source()
    three = MarkovSource(two.words, 3, np.tile(two.transitions, (4, 1)))
    assert three.entropy_rate() == pytest.approx(two.entropy_rate(), rel=1e-12)
    symbols = two.draw(100, np.random.default_rng(0))
    assert three.costs(symbols).tolist() == pytest.approx(two.costs(symbols).tolist())


def test_visits_solve_the_linear_system():
    """n = start + n T by numpy's solver instead of the iteration."""
    source = MarkovOptions(order=2, words=3, stop=0.1).source()
    moves = np.zeros((4, 4, 4, 4))
    for before, last, following in product(range(4), range(4), range(3)):
        moves[before, last, last, following] = source.transitions[4 * before + last, following]
    start = np.eye(16)[15]
    solved = np.linalg.solve(np.eye(16) - moves.reshape(16, 16).T, start)
    assert source._visits == pytest.approx(solved)


@pytest.mark.parametrize(("order", "words", "concentration"), [(3, 5, 0.5), (2, 8, 0.01), (4, 1, 1)])
def test_visits_of_long_lines_are_found_in_few_steps(monkeypatch, order, words, concentration):
    """Lines of a hundred words, which would take 3,200 steps until nothing is left; the witness solves for them."""
    steps, moved = [], MarkovSource._moved
    monkeypatch.setattr(MarkovSource, "_moved", lambda source, arriving: steps.append(1) or moved(source, arriving))
    source = MarkovOptions(order=order, words=words, stop=0.01, concentration=concentration).source()
    assert source.mean_events == pytest.approx(101, rel=1e-11)
    assert len(steps) < 1600
    matrix = np.array([moved(source, row) for row in np.eye(len(source.transitions))])
    solved = np.linalg.solve(np.eye(len(matrix)) - matrix.T, np.eye(len(matrix))[-1])
    assert np.abs(source._visits - solved).sum() < 2e-12 * solved.sum()


def test_lines_that_seldom_change_or_cannot_end_early_have_visits_too():
    """A cycle of two words, a then b, whose line ends after b alone: the mean is 2 rounds of 2, and the end."""
    transitions = np.array([[0, 1.0, 0], [0.5, 0, 0.5], [1.0, 0, 0]])
    source = MarkovSource(("a", "b"), 1, transitions)
    assert source._visits == pytest.approx([2, 2, 1])
    assert source.entropy_rate() == pytest.approx(2 / 8)


def test_rows_are_distributions_and_no_line_is_empty():
    source = MarkovOptions(order=2, words=5).source()
    assert source.transitions.sum(axis=1) == pytest.approx(np.ones(36))
    assert source.transitions[-1, -1] == 0
    assert source.transitions[7, -1] == pytest.approx(0.08)
