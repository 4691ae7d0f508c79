import math
from itertools import product

import numpy as np
import pytest

from lmbench.corpora.synthetic.markov import MarkovOptions, MarkovSource


def test_the_entropy_rate_of_a_coin():
    """Lines of fair coins. After each coin, the line ends with probability 1/2.

    The first coin costs 1 bit. Each later event is the end (1/2) or one of two coins (1/4 each) and costs 1.5 bits;
    there are 2 of them on average. 2 coins, 1 space and 1 line end are 4 bytes.
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
def test_short_lines_have_the_mass_that_stopping_implies(order):
    """Each word ends the line with probability stop, so that lines of up to n words have 1 - (1 - stop)^n."""
    source = MarkovOptions(order=order, words=2, stop=0.3, concentration=1).source()
    for most in (1, 3, 5):
        lines = [[*line, 2] for length in range(1, most + 1) for line in product(range(2), repeat=length)]
        mass = np.exp(-source.costs(np.concatenate(lines))).sum()
        assert mass == pytest.approx(1 - 0.7**most)


def test_a_chain_of_order_2_is_also_one_of_order_3():
    """The closed forms of two different tables of the same source agree."""
    two = MarkovOptions(order=2, words=3, concentration=0.5).source()
    three = MarkovSource(two.words, 3, np.tile(two.transitions, (4, 1)))
    assert three.entropy_rate() == pytest.approx(two.entropy_rate(), rel=1e-12)
    symbols = two.draw(100, np.random.default_rng(0))
    assert three.costs(symbols).tolist() == pytest.approx(two.costs(symbols).tolist())


def test_visits_solve_the_linear_system():
    """The iteration agrees with numpy's solution of n = start + n T."""
    source = MarkovOptions(order=2, words=3, stop=0.1).source()
    moves = np.zeros((4, 4, 4, 4))
    for before, last, following in product(range(4), range(4), range(3)):
        moves[before, last, last, following] = source.transitions[4 * before + last, following]
    start = np.eye(16)[15]
    solved = np.linalg.solve(np.eye(16) - moves.reshape(16, 16).T, start)
    assert source._visits == pytest.approx(solved)


@pytest.mark.parametrize(("order", "words", "concentration"), [(3, 5, 0.5), (2, 8, 0.01), (4, 1, 1)])
def test_visits_of_long_lines_converge_in_few_steps(monkeypatch, order, words, concentration):
    """Lines have a hundred words, so that mass would be left for 3,200 steps. A linear solver gives the same visits."""
    steps, move = [], MarkovSource._move
    monkeypatch.setattr(MarkovSource, "_move", lambda source, arriving: steps.append(1) or move(source, arriving))
    source = MarkovOptions(order=order, words=words, stop=0.01, concentration=concentration).source()
    assert source.mean_events == pytest.approx(101, rel=1e-11)
    assert len(steps) < 1600
    matrix = np.array([move(source, row) for row in np.eye(len(source.transitions))])
    solved = np.linalg.solve(np.eye(len(matrix)) - matrix.T, np.eye(len(matrix))[-1])
    assert np.abs(source._visits - solved).sum() < 2e-12 * solved.sum()


def test_visits_of_a_cycle():
    """Words alternate between a and b, and lines end only after b: on average after 2 rounds of 2 words."""
    transitions = np.array([[0, 1.0, 0], [0.5, 0, 0.5], [1.0, 0, 0]])
    source = MarkovSource(("a", "b"), 1, transitions)
    assert source._visits == pytest.approx([2, 2, 1])
    assert source.entropy_rate() == pytest.approx(2 / 8)


def test_rows_are_distributions_and_no_line_is_empty():
    source = MarkovOptions(order=2, words=5).source()
    assert source.transitions.sum(axis=1) == pytest.approx(np.ones(36))
    assert source.transitions[-1, -1] == 0
    assert source.transitions[7, -1] == pytest.approx(0.08)
