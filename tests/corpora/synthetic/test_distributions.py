import numpy as np
import pytest

from lmbench.corpora.synthetic.distributions import cumulative, draw_categorical, entropies, natural_logs


def test_draws_are_those_of_a_binary_search():
    rng = np.random.default_rng(3)
    distributions = cumulative(rng.dirichlet(np.full(7, 0.1), size=5) * (rng.random((5, 7)) < 0.6) + np.eye(5, 7, 1))
    rows = rng.integers(0, 5, 10_000)
    random = np.random.default_rng(4).random(10_000)
    expected = [np.searchsorted(distributions[row], u, side="right") for row, u in zip(rows, random, strict=True)]
    assert draw_categorical(distributions, rows, np.random.default_rng(4)).tolist() == expected


def test_cumulative_rows_end_at_exactly_one():
    probabilities = np.random.default_rng(0).dirichlet(np.full(1000, 0.1), size=50)
    assert (cumulative(probabilities)[:, -1] == 1).all()
    assert cumulative(np.array([[0.25, 0, 0.75]])).tolist() == [[0.25, 0.25, 1]]


def test_entropies_are_in_bits():
    assert entropies(np.array([[0.5, 0.25, 0.25], [1, 0, 0]])).tolist() == pytest.approx([1.5, 0])


def test_the_logarithm_of_zero_is_minus_infinity():
    assert natural_logs(np.array([1, 0, np.exp(-2)])).tolist() == pytest.approx([0, -np.inf, -2])
