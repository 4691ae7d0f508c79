"""The engine agrees with hmmlearn, with sums over all paths, and with itself whatever the batches are."""

import math
from itertools import product

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from lmbench.backends.hmm import batches, forward_backward
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import ExpectedCounts, Parameters
from lmbench.errors import LmbenchError
from tests.backends.hmm.samples import (
    RAIN,
    dishonest_casino,
    float64_engine,
    hmmlearn_model,
    random_lines,
    random_parameters,
)


def maximize(counts, prior):
    start, transitions, emissions = counts.start + prior, counts.transitions + prior, counts.emissions + prior
    return Parameters(
        start / start.sum(), transitions / transitions.sum(axis=1, keepdims=True), emissions / emissions.sum(axis=0)
    )


def penalized(counts, parameters, prior):
    """Return the objective, which an iteration with Dirichlet priors cannot lower."""
    priors = (parameters.start, parameters.transitions, parameters.emissions)
    return counts.log_likelihood + (prior * sum(np.log(each).sum() for each in priors) if prior else 0)


def test_rain_and_sun(library):
    """Compare with the rounded numbers of hmmlearn's test."""
    walk = [np.array([0, 1, 2])]
    [posteriors] = float64_engine(walk, RAIN).posteriors(RAIN)
    expected = [[0.23170303, 0.76829697], [0.62406281, 0.37593719], [0.86397706, 0.13602294]]
    np.testing.assert_allclose(posteriors, expected, atol=1e-6)


@pytest.mark.parametrize(("states", "symbols", "sharpness"), [(1, 3, 1.0), (3, 4, 1.0), (7, 50, 0.3), (33, 9, 1.0)])
def test_likelihood_and_posteriors_are_hmmlearns(library, states, symbols, sharpness):
    parameters = random_parameters(states, symbols, sharpness=sharpness)
    lines = random_lines(symbols, [1, 9, 2, 40, 9, 1, 5])
    peer = hmmlearn_model(parameters, implementation="log")
    engine = float64_engine(lines, parameters)
    pairs = zip(lines, engine.logprobs(parameters), engine.posteriors(parameters), strict=True)
    for line, logprobs, posteriors in pairs:
        likelihood, expected = peer.score_samples(line[:, None])
        assert logprobs.sum() == pytest.approx(likelihood, rel=1e-9)
        np.testing.assert_allclose(posteriors, expected, rtol=1e-6, atol=1e-12)
    assert engine.log_likelihood(parameters) == pytest.approx(
        peer.score(np.concatenate(lines)[:, None], list(map(len, lines))), rel=1e-9
    )


@pytest.mark.parametrize("implementation", ["log", "scaling"])
@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_parameters_after_five_iterations_are_hmmlearns(library, implementation, prior):
    parameters = random_parameters(5, 12)
    lines = random_lines(12, [1, 30, 2, 17, 17, 64, 5, 1])
    priors = dict.fromkeys(("startprob_prior", "transmat_prior", "emissionprob_prior"), 1 + prior)
    peer = hmmlearn_model(parameters, n_iter=5, tol=-math.inf, implementation=implementation, **priors)
    peer.fit(np.concatenate(lines)[:, None], list(map(len, lines)))
    engine = float64_engine(lines, parameters)
    for _ in range(5):
        parameters = maximize(engine.expected_counts(parameters), prior)
    np.testing.assert_allclose(parameters.start, peer.startprob_, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(parameters.transitions, peer.transmat_, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(parameters.emissions.T, peer.emissionprob_, rtol=1e-6, atol=1e-12)


def test_the_dishonest_casino_is_hmmlearns(library):
    casino, line, _ = dishonest_casino()
    expected = hmmlearn_model(casino, implementation="log").score(line[:, None])
    assert float64_engine([line], casino).log_likelihood(casino) == pytest.approx(expected, rel=1e-9)


def test_counts_are_sums_over_all_paths(library):
    parameters = random_parameters(3, 4)
    lines = random_lines(4, [4, 1, 3])
    counts = float64_engine(lines, parameters).expected_counts(parameters)
    start, transitions, emissions = np.zeros(3), np.zeros((3, 3)), np.zeros((4, 3))
    for line in lines:
        weights = {path: likelihood(parameters, line, path) for path in product(range(3), repeat=len(line))}
        for path, weight in weights.items():
            share = weight / sum(weights.values())
            start[path[0]] += share
            for t, state in enumerate(path):
                emissions[line[t], state] += share
                if t:
                    transitions[path[t - 1], state] += share
    np.testing.assert_allclose(counts.start, start, rtol=1e-9)
    np.testing.assert_allclose(counts.transitions, transitions, rtol=1e-9)
    np.testing.assert_allclose(counts.emissions, emissions, rtol=1e-9, atol=1e-15)


def likelihood(parameters, line, path):
    probability = parameters.start[path[0]] * parameters.emissions[line[0], path[0]]
    for t in range(1, len(line)):
        probability *= parameters.transitions[path[t - 1], path[t]] * parameters.emissions[line[t], path[t]]
    return probability


@pytest.mark.parametrize("prior", [0.0, 0.01, 2.0])
@pytest.mark.parametrize(("dtype", "slack"), [("float64", 1e-12), ("float32", 1e-6)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_objective_never_falls(library, prior, dtype, slack, seed):
    """The objective is the likelihood; with a prior, the likelihood times the prior's density."""
    lines = random_lines(30, [1, 25, 60, 3, 3, 12] * 4, seed)
    parameters = random_parameters(6, 30, seed)
    engine = ForwardBackward(lines, 30, 6, dtype=dtype)
    before = -math.inf
    for _ in range(25):
        counts = engine.expected_counts(parameters)
        now = penalized(counts, parameters, prior)
        assert now >= before - slack * abs(now)
        before, parameters = now, maximize(counts, prior)


def test_results_do_not_depend_on_the_batches(library, monkeypatch):
    parameters = random_parameters(4, 9)
    lines = random_lines(9, [0, 1, 700, 3, 3, 3, 90, 2, 0, 55] * 7)
    whole = float64_engine(lines, parameters)
    monkeypatch.setattr(batches, "_MOST_LINES", 3)
    monkeypatch.setattr(batches, "_RUN_EVENTS", 8)
    monkeypatch.setattr(forward_backward, "_count_shares", lambda *_: 3)
    cut = float64_engine(lines, parameters)
    assert len(cut._shares) == 3
    for one, other in zip(whole.logprobs(parameters), cut.logprobs(parameters), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    one, other = whole.expected_counts(parameters), cut.expected_counts(parameters)
    for name in ("start", "transitions", "emissions", "log_likelihood"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
    assert one.emissions.sum() == pytest.approx(whole.events)


def test_results_are_reproducible_to_the_last_bit():
    parameters = random_parameters(8, 40)
    lines = random_lines(40, [5, 90, 17] * 400)
    one, other = (ForwardBackward(lines, 40, 8).expected_counts(parameters) for _ in range(2))
    assert (one.emissions == other.emissions).all()
    assert (one.transitions == other.transitions).all()


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_results_do_not_depend_on_the_number_of_threads(threads, monkeypatch):
    parameters = random_parameters(8, 40)
    lines = random_lines(40, [5, 90, 17] * 1200)
    engine = ForwardBackward(lines, 40, 8)
    assert len(engine._shares) > 3
    expected, logprobs = engine.expected_counts(parameters), engine.logprobs(parameters)
    monkeypatch.setattr(forward_backward, "_count_threads", lambda: threads)
    counts = engine.expected_counts(parameters)
    for name in ("start", "transitions", "emissions", "log_likelihood"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(expected, name))
    np.testing.assert_array_equal(np.concatenate(engine.logprobs(parameters)), np.concatenate(logprobs))


def test_there_are_no_more_threads_than_a_run_allows():
    with threadpool_limits(1, user_api="blas"):
        assert forward_backward._count_threads() == 1


def test_shares_have_more_to_do_than_to_add_up_their_counts():
    """One that learns 33,279 words from 100,073 events spends as long on adding up 64 states as on the events."""
    assert forward_backward._count_shares(100_073, 33_279, 64) == 2
    assert forward_backward._count_shares(1_000_235, 33_279, 64) == 3
    assert forward_backward._count_shares(2_088_628, 33_279, 256) == 16
    assert forward_backward._count_shares(2_088_628, 33_279, 4096) == 1  # because of memory


def test_float32_agrees_with_float64():
    parameters = random_parameters(16, 500, sharpness=0.3)
    parameters = maximize(ExpectedCounts(parameters.start, parameters.transitions, parameters.emissions), 1e-4)
    lines = random_lines(500, [5, 90, 300, 17] * 60)
    one = ForwardBackward(lines, 500, 16).expected_counts(parameters)
    other = float64_engine(lines, parameters).expected_counts(parameters)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-7)
    np.testing.assert_allclose(one.transitions, other.transitions, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(one.emissions.sum(axis=0), other.emissions.sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lines_of_ten_thousand_events_stay_finite(dtype):
    parameters = random_parameters(4, 6)
    counts = ForwardBackward(random_lines(6, [10_000, 3]), 6, 4, dtype=dtype).expected_counts(parameters)
    assert counts.emissions.sum() == pytest.approx(10_003, rel=1e-5)
    assert np.isfinite(counts.transitions).all()


def test_a_dead_state_has_zero_counts(library):
    parameters = Parameters(
        np.array([0.5, 0.5, 0.0]),
        np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]),
        np.array([[0.5, 0.2, 0.0], [0.5, 0.8, 1.0]]),
    )
    counts = float64_engine(random_lines(2, [9, 5]), parameters).expected_counts(parameters)
    assert counts.emissions[:, 2].tolist() == [0, 0]
    assert (counts.transitions[2] == 0).all()
    assert np.isfinite(maximize(counts, 0.01).transitions).all()


def test_one_symbol_and_one_state_cost_nothing(library):
    parameters = Parameters(np.ones(1), np.ones((1, 1)), np.ones((1, 1)))
    engine = float64_engine(random_lines(1, [4, 1]), parameters)
    assert engine.log_likelihood(parameters) == 0
    assert engine.expected_counts(parameters).transitions.tolist() == [[3]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ask", [ForwardBackward.expected_counts, ForwardBackward.posteriors])
def test_counts_that_overflow_are_an_error(dtype, ask, library):
    """The second state makes each of 1,000 events nine times as likely, but no line begins in it."""
    parameters = Parameters(np.array([1.0, 0.0]), np.eye(2), np.array([[0.1, 0.9], [0.9, 0.1]]))
    engine = ForwardBackward([np.zeros(1000, dtype=np.int32)], 2, 2, dtype)
    with pytest.raises(LmbenchError, match="give every start and transition a positive probability"):
        ask(engine, parameters)
    assert engine.log_likelihood(parameters) == pytest.approx(1000 * math.log(0.1))


@pytest.mark.parametrize("line", [[0, 3], [1, -1]])
def test_symbols_that_do_not_exist_are_an_error(line):
    with pytest.raises(LmbenchError, match=r"a line has the symbols .*, not 0 to 2 at most"):
        ForwardBackward([np.array([0, 1]), np.array(line)], 3, 2)


def test_without_lines_all_counts_are_zero():
    counts = float64_engine([], RAIN).expected_counts(RAIN)
    assert (counts.log_likelihood, counts.emissions.sum()) == (0, 0)
    assert float64_engine([np.zeros(0, dtype=int)], RAIN).logprobs(RAIN)[0].tolist() == []


@pytest.mark.parametrize("events", [1, 2, 5])
def test_emissions_added_up_in_parts_are_the_same(library, monkeypatch, events):
    parameters = random_parameters(3, 6)
    lines = random_lines(6, [40, 3, 11])
    expected = float64_engine(lines, parameters).expected_counts(parameters).emissions
    monkeypatch.setattr(batches, "_PART_EVENTS", events)
    np.testing.assert_allclose(
        float64_engine(lines, parameters).expected_counts(parameters).emissions, expected, rtol=1e-12
    )


def test_float32_adds_up_many_equal_emissions():
    """Each is 0.7. Added up in float32 alone, 59,904 of them would be wrong by a ten-thousandth."""
    alike = Parameters(np.array([0.3, 0.7]), np.array([[0.3, 0.7]] * 2), np.ones((1, 2)))
    counts = ForwardBackward([np.zeros(117, dtype=np.int32)] * 512, 1, 2).expected_counts(alike)
    np.testing.assert_allclose(counts.emissions[0], [0.3 * 59_904, 0.7 * 59_904], rtol=4e-6)
    np.testing.assert_allclose(counts.transitions.sum(), 512 * 116, rtol=1e-5)
