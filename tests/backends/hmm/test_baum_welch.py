import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import dirichlet

from lmbench.backends.hmm.baum_welch import (
    Limits,
    batched_step,
    cluster_start,
    log_prior,
    maximized,
    random_start,
    smoothed,
    train,
)
from lmbench.backends.hmm.forward_backward import Counts, ForwardBackward, Parameters
from tests.backends.hmm.test_forward_backward import random_lines, random_parameters

FOREVER = Limits(iterations=30, tolerance=-math.inf, deadline=math.inf)


def engine(lines, symbols, states):
    return ForwardBackward(lines, symbols, states, dtype="float64")


def trained(lines, valid, start, limits=FOREVER, prior=1e-6):
    symbols, states = start.emissions.shape
    judge = engine(valid, symbols, states) if valid else None
    step = batched_step(engine(lines, symbols, states), prior)
    return train(step, start, prior, sum(map(len, lines)), judge, limits, lambda point: None)


def assert_distributions(parameters):
    assert parameters.start.sum() == pytest.approx(1)
    np.testing.assert_allclose(parameters.transitions.sum(axis=1), 1)
    np.testing.assert_allclose(parameters.emissions.sum(axis=0), 1)
    assert min(parameters.start.min(), parameters.transitions.min(), parameters.emissions.min()) > 0


def test_parameters_are_shares_of_counts_and_pseudo_counts():
    counts = Counts(np.array([3.0, 0.0]), np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [1.0, 0.0]]), 0.0)
    parameters = maximized(counts, 1.0)
    assert parameters.start.tolist() == [0.8, 0.2]
    np.testing.assert_allclose(parameters.transitions, [[2 / 6, 4 / 6], [0.5, 0.5]])  # the second state died
    np.testing.assert_allclose(parameters.emissions, [[3 / 5, 0.5], [2 / 5, 0.5]])


@pytest.mark.parametrize("states", [1, 3, 12, 40])
@pytest.mark.parametrize("symbols", [1, 2, 12])
def test_starts_are_distributions_whatever_the_sizes(states, symbols):
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


def test_clusters_are_a_better_start_than_chance():
    lines = [line for seed in range(4) for line in markov_lines(seed)]
    limits = Limits(iterations=3, tolerance=0, deadline=math.inf)
    clustered = trained(lines, [], cluster_start(lines, 12, 3, 0), limits).points[-1].train
    random = trained(lines, [], random_start(12, 3, 0), limits).points[-1].train
    assert clustered < random - 0.1


def markov_lines(seed):
    rng = np.random.default_rng(seed)
    return [np.array([4 * (t % 3) + rng.integers(0, 4) for t in range(20)]) for _ in range(10)]


def test_training_stops_when_the_validation_lines_get_no_likelier_and_keeps_the_best():
    lines, valid = random_lines(20, [12] * 10), random_lines(20, [12] * 10, seed=1)
    result = trained(lines, valid, random_parameters(8, 20))
    judged = [point.valid for point in result.points]
    assert len(result.points) < 30
    assert result.iteration == 1 + judged.index(min(judged)) == len(judged) - 3
    assert result.valid == min(judged)
    again = engine(valid, 20, 8)
    assert -again.log_likelihood(result.parameters) / again.events == pytest.approx(result.valid)


def test_without_validation_lines_the_last_iteration_is_kept():
    result = trained(random_lines(5, [9] * 5), [], random_parameters(2, 5))
    assert (result.iteration, result.valid) == (30, None)
    train = [point.train for point in result.points]
    assert all(after <= before + 1e-9 for before, after in pairwise(train))


def test_training_stops_when_it_gains_little():
    result = trained(random_lines(5, [9] * 5), [], random_parameters(2, 5), Limits(30, 0.05, math.inf))
    train = [point.train for point in result.points]
    assert 1 < len(train) < 30
    assert train[-2] - train[-1] < 0.05


def test_a_large_prior_does_not_end_training_before_it_has_converged():
    """Here the prior makes the lines less likely at once."""
    lines = random_lines(20, [12] * 10)
    start = trained(lines, [], random_parameters(4, 20)).parameters  # the likeliest without a prior
    limits = Limits(200, 1e-4, math.inf)
    result = trained(lines, [], start, limits, prior=1.0)
    assert result.points[1].train > result.points[0].train
    assert 5 < len(result.points) < 200
    more = trained(lines, [], start, Limits(len(result.points) + 1, -math.inf, math.inf), prior=1.0)
    objectives = [
        -120 * trained.points[-1].train + log_prior(parameters, 1.0)
        for trained, parameters in ((result, before(lines, start, len(result.points), 1.0)), (more, result.parameters))
    ]
    assert 0 <= objectives[1] - objectives[0] < 120 * 1e-4


def before(lines, parameters, iterations, prior):
    """The parameters that the last of these iterations begins with."""
    step = batched_step(engine(lines, *parameters.emissions.shape), prior)
    for _ in range(iterations - 1):
        _, parameters = step(parameters)
    return parameters


def test_the_prior_is_dirichlets():
    """SciPy's density, of which what the parameters do not change is taken away."""
    parameters = random_parameters(3, 5)
    rows = [parameters.start, *parameters.transitions, *parameters.emissions.T]
    densities = [dirichlet(np.full(len(row), 1.5)) for row in rows]
    constant = sum(
        density.logpdf(np.full(len(row), 1 / len(row))) + 0.5 * len(row) * math.log(len(row))
        for density, row in zip(densities, rows, strict=True)
    )
    total = sum(density.logpdf(row) for density, row in zip(densities, rows, strict=True))
    assert log_prior(parameters, 0.5) == pytest.approx(total - constant)


def test_a_deadline_that_has_passed_leaves_one_iteration():
    result = trained(random_lines(5, [9] * 5), [], random_parameters(2, 5), Limits(30, -math.inf, deadline=0.0))
    assert result.iteration == 1


def test_smoothing_is_what_the_validation_lines_like():
    sharp = Parameters(np.ones(1), np.ones((1, 1)), np.array([[1 - 2e-9], [1e-9], [1e-9]]))
    unigrams = np.array([0.2, 0.4, 0.4])
    valid = ForwardBackward([np.array([0, 0, 1, 2] * 9)], 3, 1, dtype="float64")
    parameters, share = smoothed(sharp, unigrams, valid)
    assert share == 0.1
    np.testing.assert_allclose(parameters.emissions[:, 0], 0.9 * sharp.emissions[:, 0] + 0.1 * unigrams)
    _, none = smoothed(sharp, unigrams, ForwardBackward([np.zeros(9, dtype=int)], 3, 1, dtype="float64"))
    assert none == 0.0
