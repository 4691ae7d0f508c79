import math

import numpy as np
import pytest
from scipy.stats import dirichlet

from lmbench.backends.hmm.parameters import ExpectedCounts, Parameters
from tests.backends.hmm.samples import random_parameters


def test_parameters_are_shares_of_counts_and_pseudo_counts():
    counts = ExpectedCounts(
        np.array([3.0, 0.0]), np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [1.0, 0.0]])
    )
    parameters = counts.parameters(1.0)
    assert parameters.start.tolist() == [0.8, 0.2]
    np.testing.assert_allclose(parameters.transitions, [[2 / 6, 4 / 6], [0.5, 0.5]])  # the second state died
    np.testing.assert_allclose(parameters.emissions, [[3 / 5, 0.5], [2 / 5, 0.5]])


def test_the_prior_is_dirichlets():
    """Compare with SciPy's density, less the part that does not depend on the parameters."""
    parameters = random_parameters(3, 5)
    rows = [parameters.start, *parameters.transitions, *parameters.emissions.T]
    densities = [dirichlet(np.full(len(row), 1.5)) for row in rows]
    constant = sum(
        density.logpdf(np.full(len(row), 1 / len(row))) + 0.5 * len(row) * math.log(len(row))
        for density, row in zip(densities, rows, strict=True)
    )
    total = sum(density.logpdf(row) for density, row in zip(densities, rows, strict=True))
    assert parameters.log_prior(0.5) == pytest.approx(total - constant)


def test_sizes():
    parameters = random_parameters(3, 5)
    assert parameters.states == 3
    assert parameters.size == 3 + 9 + 15


def test_emissions_are_mixed_by_weight():
    parameters = Parameters(np.ones(1), np.ones((1, 1)), np.array([[0.8], [0.2]]))
    mixed = parameters.mix_emissions(np.array([0.3, 0.7]), 0.1)
    np.testing.assert_allclose(mixed.emissions, [[0.75], [0.25]])
    assert mixed.transitions is parameters.transitions
