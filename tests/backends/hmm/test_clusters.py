import numpy as np
import pytest

from lmbench.backends.hmm.clusters import cluster_start, cluster_symbols, random_start
from tests.backends.hmm.samples import random_lines


def cyclic_lines(rng, length):
    """Return lines that cycle through three classes of four symbols each (1-4, 5-8, 9-12); 0 ends the line."""
    return [np.array([*(1 + 4 * (t % 3) + rng.integers(0, 4) for t in range(length)), 0]) for _ in range(200)]


def test_symbols_with_similar_neighbors_are_together():
    labels = cluster_symbols(cyclic_lines(np.random.default_rng(0), 12), 13, 4)
    classes = [set(labels[first : first + 4].tolist()) for first in (1, 5, 9)]
    assert [len(each) for each in classes] == [1, 1, 1]
    assert len(set.union(*classes)) == 3


def test_clusters_are_deterministic():
    lines = cyclic_lines(np.random.default_rng(1), 7)
    assert cluster_symbols(lines, 13, 5).tolist() == cluster_symbols(lines, 13, 5).tolist()


@pytest.mark.parametrize(
    ("lines", "symbols", "number"),
    [
        ([[1]], 2, 1),
        ([[1], [1], [1]], 5, 3),
        ([[0, 1, 0, 1]], 2, 2),
        ([[2, 1, 2, 2, 1]], 3, 2),
        ([[0]], 1, 1),
        ([[1]], 3, 9),
    ],
)
def test_small_texts(lines, symbols, number):
    labels = cluster_symbols([np.array(line) for line in lines], symbols, number)
    assert labels.shape == (symbols,)
    assert 0 <= labels.min() <= labels.max() < number


def test_with_as_many_clusters_as_symbols_each_symbol_has_its_own():
    assert sorted(cluster_symbols([np.array([0, 2, 2])], 4, 4).tolist()) == [0, 1, 2, 3]


def assert_distributions(parameters):
    assert parameters.start.sum() == pytest.approx(1)
    np.testing.assert_allclose(parameters.transitions.sum(axis=1), 1)
    np.testing.assert_allclose(parameters.emissions.sum(axis=0), 1)
    assert min(parameters.start.min(), parameters.transitions.min(), parameters.emissions.min()) > 0


@pytest.mark.parametrize("states", [1, 3, 12, 40])
@pytest.mark.parametrize("symbols", [1, 2, 12])
def test_starts_of_any_size_are_distributions(states, symbols):
    lines = random_lines(symbols, [1, 5, 9, 30])
    assert_distributions(cluster_start(lines, symbols, states, seed=0))
    assert_distributions(random_start(symbols, states, seed=0))


def test_the_seed_decides_the_start():
    lines = random_lines(9, [5, 9, 30])
    one, same, other = (cluster_start(lines, 9, 3, seed).emissions for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_states_that_share_a_cluster_differ():
    start = cluster_start(random_lines(3, [50] * 4), 3, 6, seed=0)
    assert (start.emissions[:, 0] != start.emissions[:, 3]).all()
