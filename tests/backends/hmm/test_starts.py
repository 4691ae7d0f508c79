import numpy as np
import pytest

from lmbench.backends.hmm.starts import cluster_start, random_start
from tests.backends.hmm.samples import random_lines


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
