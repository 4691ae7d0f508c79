import math
from itertools import pairwise

import numpy as np
import pytest

from lmbench.backends.hmm.baum_welch import BaumWelch, Limits, batched_step
from lmbench.backends.hmm.clusters import cluster_start, random_start
from lmbench.backends.hmm.hmmlearn_engine import hmmlearn_step
from lmbench.backends.hmm.options import HmmOptions
from lmbench.text.lexicon import Lexicon
from tests.backends.hmm.samples import ENGINES, float64_engine, random_lines, random_parameters

FOREVER = Limits(iterations=30, tolerance=-math.inf, deadline=math.inf)


def train(lines, valid, start, limits=FOREVER, prior=1e-6):
    judge = float64_engine(valid, start) if valid else None
    step = batched_step(float64_engine(lines, start), prior)
    algorithm = BaumWelch(step, prior, sum(map(len, lines)), judge)
    return algorithm.train(start, limits, lambda point: None)


def test_clusters_are_a_better_start_than_chance():
    lines = [line for seed in range(4) for line in cyclic_lines(seed)]
    limits = Limits(iterations=3, tolerance=0, deadline=math.inf)
    clustered = train(lines, [], cluster_start(lines, 12, 3, 0), limits).points[-1].train_nats
    random = train(lines, [], random_start(12, 3, 0), limits).points[-1].train_nats
    assert clustered < random - 0.1


def cyclic_lines(seed):
    """Return lines that cycle through three classes of four symbols each."""
    rng = np.random.default_rng(seed)
    return [np.array([4 * (t % 3) + rng.integers(0, 4) for t in range(20)]) for _ in range(10)]


@pytest.mark.parametrize("prior", [1e-6, 1.0])
@pytest.mark.parametrize("start", ["clusters", "random"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_iteration_never_lowers_the_objective(english, engine, start, prior):
    lexicon = Lexicon.learn(english, HmmOptions())
    lines, symbols = lexicon.lines(english.train.documents), len(lexicon)
    parameters = random_start(symbols, 4, 0) if start == "random" else cluster_start(lines, symbols, 4, 0)
    batched = batched_step(float64_engine(lines, parameters), prior)
    step = batched if engine == "batched" else hmmlearn_step(lines, prior)
    objectives = []
    for _ in range(12):
        density = parameters.log_prior(prior)
        likelihood, parameters = step(parameters)
        objectives.append(likelihood + density)
    assert all(after >= before - 1e-9 * abs(before) for before, after in pairwise(objectives))
    assert objectives[-1] > objectives[0] + 1


def test_training_stops_when_validation_stops_improving_and_keeps_the_best():
    lines, valid = random_lines(20, [12] * 10), random_lines(20, [12] * 10, seed=1)
    result = train(lines, valid, random_parameters(8, 20))
    costs = [point.valid_nats for point in result.points]
    assert len(result.points) < 30
    assert result.iteration == 1 + costs.index(min(costs)) == len(costs) - 3
    again = float64_engine(valid, result.parameters)
    assert -again.log_likelihood(result.parameters) / again.events == pytest.approx(min(costs))


def test_without_validation_lines_the_last_iteration_is_kept():
    result = train(random_lines(5, [9] * 5), [], random_parameters(2, 5))
    assert (result.iteration, result.points[-1].valid_nats) == (30, None)
    costs = [point.train_nats for point in result.points]
    assert all(after <= before + 1e-9 for before, after in pairwise(costs))


def test_training_stops_when_it_gains_little():
    result = train(random_lines(5, [9] * 5), [], random_parameters(2, 5), Limits(30, 0.05, math.inf))
    costs = [point.train_nats for point in result.points]
    assert 1 < len(costs) < 30
    assert costs[-2] - costs[-1] < 0.05


def test_a_large_prior_does_not_end_training_before_it_has_converged():
    """The first iteration with the large prior makes the lines less likely."""
    lines = random_lines(20, [12] * 10)
    start = train(lines, [], random_parameters(4, 20)).parameters  # the most likely ones without a prior
    limits = Limits(200, 1e-4, math.inf)
    result = train(lines, [], start, limits, prior=1.0)
    assert result.points[1].train_nats > result.points[0].train_nats
    assert 5 < len(result.points) < 200
    more = train(lines, [], start, Limits(len(result.points) + 1, -math.inf, math.inf), prior=1.0)
    objectives = [
        -120 * trained.points[-1].train_nats + parameters.log_prior(1.0)
        for trained, parameters in (
            (result, iterate(lines, start, len(result.points) - 1, 1.0)),
            (more, result.parameters),
        )
    ]
    assert 0 <= objectives[1] - objectives[0] < 120 * 1e-4


def iterate(lines, parameters, iterations, prior):
    """Return the parameters after this many iterations."""
    step = batched_step(float64_engine(lines, parameters), prior)
    for _ in range(iterations):
        _, parameters = step(parameters)
    return parameters


def test_a_deadline_that_has_passed_leaves_one_iteration():
    result = train(random_lines(5, [9] * 5), [], random_parameters(2, 5), Limits(30, -math.inf, deadline=0.0))
    assert result.iteration == 1
    assert len(result.points) == 1
