"""Equal to hmmlearn, to sums over all paths, and to itself however the lines are batched."""

import math
from itertools import product

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from lmbench.backends.hmm import forward_backward
from lmbench.backends.hmm.forward_backward import ForwardBackward, Parameters, best_paths
from lmbench.errors import LmbenchError

RAIN = Parameters(  # Wikipedia's example of the Viterbi algorithm, one of hmmlearn's own tests
    start=np.array([0.6, 0.4]),
    transitions=np.array([[0.7, 0.3], [0.4, 0.6]]),
    emissions=np.array([[0.1, 0.6], [0.4, 0.3], [0.5, 0.1]]),
)


@pytest.fixture(params=["numpy", "torch"])
def library(request, monkeypatch, one_thread):
    """The arrays of the CPU, and those of the GPU without one."""
    if request.param == "torch":
        torch_arrays = forward_backward._TorchArrays
        monkeypatch.setattr(forward_backward, "_NumpyArrays", lambda dtype: torch_arrays(dtype, "cpu"))
    return request.param


def random_parameters(states, symbols, seed=0, sharpness=1.0):
    rng = np.random.default_rng(seed)
    return Parameters(
        rng.dirichlet(np.full(states, sharpness)),
        rng.dirichlet(np.full(states, sharpness), states),
        rng.dirichlet(np.full(symbols, sharpness), states).T.copy(),
    )


def random_lines(symbols, lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, symbols, length).astype(np.int32) for length in lengths]


def double(lines, parameters):
    return ForwardBackward(lines, *parameters.emissions.shape, dtype="float64")


def peer_of(parameters, **options):
    peer = CategoricalHMM(len(parameters.start), n_features=len(parameters.emissions), init_params="", **options)
    peer.startprob_, peer.transmat_ = parameters.start, parameters.transitions
    peer.emissionprob_ = parameters.emissions.T
    return peer


def maximized(counts, prior):
    start, transitions, emissions = counts.start + prior, counts.transitions + prior, counts.emissions + prior
    return Parameters(
        start / start.sum(), transitions / transitions.sum(axis=1, keepdims=True), emissions / emissions.sum(axis=0)
    )


def penalized(counts, parameters, prior):
    """What an iteration with Dirichlet priors cannot lower."""
    priors = (parameters.start, parameters.transitions, parameters.emissions)
    return counts.log_likelihood + (prior * sum(np.log(each).sum() for each in priors) if prior else 0)


def test_rain_and_sun(library):
    """The numbers of hmmlearn's test, which are rounded, and of Wikipedia."""
    walk = [np.array([0, 1, 2])]
    [posteriors] = double(walk, RAIN).posteriors(RAIN)
    expected = [[0.23170303, 0.76829697], [0.62406281, 0.37593719], [0.86397706, 0.13602294]]
    np.testing.assert_allclose(posteriors, expected, atol=1e-6)
    assert best_paths(RAIN, walk)[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(("states", "symbols", "sharpness"), [(1, 3, 1.0), (3, 4, 1.0), (7, 50, 0.3), (33, 9, 1.0)])
def test_likelihood_posteriors_and_paths_are_hmmlearns(library, states, symbols, sharpness):
    parameters = random_parameters(states, symbols, sharpness=sharpness)
    lines = random_lines(symbols, [1, 9, 2, 40, 9, 1, 5])
    peer = peer_of(parameters, implementation="log")
    engine = double(lines, parameters)
    pairs = zip(lines, engine.logprobs(parameters), engine.posteriors(parameters), strict=True)
    for line, logprobs, posteriors in pairs:
        likelihood, expected = peer.score_samples(line[:, None])
        assert logprobs.sum() == pytest.approx(likelihood, rel=1e-9)
        np.testing.assert_allclose(posteriors, expected, rtol=1e-6, atol=1e-12)
        assert best_paths(parameters, [line])[0].tolist() == peer.decode(line[:, None])[1].tolist()
    assert engine.log_likelihood(parameters) == pytest.approx(
        peer.score(np.concatenate(lines)[:, None], list(map(len, lines))), rel=1e-9
    )


@pytest.mark.parametrize("implementation", ["log", "scaling"])
@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_parameters_after_five_iterations_are_hmmlearns(library, implementation, prior):
    parameters = random_parameters(5, 12)
    lines = random_lines(12, [1, 30, 2, 17, 17, 64, 5, 1])
    priors = dict.fromkeys(("startprob_prior", "transmat_prior", "emissionprob_prior"), 1 + prior)
    peer = peer_of(parameters, n_iter=5, tol=-math.inf, implementation=implementation, **priors)
    peer.fit(np.concatenate(lines)[:, None], list(map(len, lines)))
    engine = double(lines, parameters)
    for _ in range(5):
        parameters = maximized(engine.counts(parameters), prior)
    np.testing.assert_allclose(parameters.start, peer.startprob_, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(parameters.transitions, peer.transmat_, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(parameters.emissions.T, peer.emissionprob_, rtol=1e-6, atol=1e-12)


def test_the_dishonest_casino_is_hmmlearns(library):
    """The library's example: a fair die and a loaded one, 30,000 rolls in one line."""
    casino = Parameters(
        np.array([1.0, 0.0]),
        np.array([[0.95, 0.05], [0.1, 0.9]]),
        np.array([[1 / 6] * 6, [0.1] * 5 + [0.5]]).T.copy(),
    )
    rolls, hidden = peer_of(casino).sample(3000, random_state=13)
    line, peer = rolls[:, 0], peer_of(casino, implementation="log")
    engine = double([line], casino)
    assert engine.log_likelihood(casino) == pytest.approx(peer.score(rolls), rel=1e-9)
    [path] = best_paths(casino, [line])
    assert path.tolist() == peer.predict(rolls).tolist()
    assert (path == hidden).mean() > 0.7


def test_counts_are_sums_over_all_paths(library):
    parameters = random_parameters(3, 4)
    lines = random_lines(4, [4, 1, 3])
    counts = double(lines, parameters).counts(parameters)
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
def test_the_likelihood_never_falls(library, prior, dtype, slack, seed):
    """Without a prior the likelihood itself; with one, the likelihood times the prior's density."""
    lines = random_lines(30, [1, 25, 60, 3, 3, 12] * 4, seed)
    parameters = random_parameters(6, 30, seed)
    engine = ForwardBackward(lines, 30, 6, dtype=dtype)
    before = -math.inf
    for _ in range(25):
        counts = engine.counts(parameters)
        now = penalized(counts, parameters, prior)
        assert now >= before - slack * abs(now)
        before, parameters = now, maximized(counts, prior)


def test_batches_change_nothing(library, monkeypatch):
    parameters = random_parameters(4, 9)
    lines = random_lines(9, [0, 1, 700, 3, 3, 3, 90, 2, 0, 55] * 7)
    whole = double(lines, parameters)
    monkeypatch.setattr(forward_backward, "_LINES_AT_ONCE", 3)
    monkeypatch.setattr(forward_backward, "_RUN", 8)
    monkeypatch.setattr(forward_backward, "_cores", lambda: 3)
    cut = double(lines, parameters)
    assert len(cut._shares) == 3
    for one, other in zip(whole.logprobs(parameters), cut.logprobs(parameters), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    one, other = whole.counts(parameters), cut.counts(parameters)
    for name in ("start", "transitions", "emissions", "log_likelihood"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
    assert one.emissions.sum() == pytest.approx(whole.events)


def test_the_same_lines_give_the_same_bits():
    parameters = random_parameters(8, 40)
    lines = random_lines(40, [5, 90, 17] * 400)
    one, other = (ForwardBackward(lines, 40, 8).counts(parameters) for _ in range(2))
    assert (one.emissions == other.emissions).all()
    assert (one.transitions == other.transitions).all()


def test_float32_is_float64_to_six_digits():
    parameters = random_parameters(16, 500, sharpness=0.3)
    parameters = maximized(
        forward_backward.Counts(parameters.start, parameters.transitions, parameters.emissions, 0), 1e-4
    )
    lines = random_lines(500, [5, 90, 300, 17] * 60)
    one = ForwardBackward(lines, 500, 16).counts(parameters)
    other = double(lines, parameters).counts(parameters)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-7)
    np.testing.assert_allclose(one.transitions, other.transitions, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(one.emissions.sum(axis=0), other.emissions.sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lines_of_ten_thousand_events_stay_finite(dtype):
    parameters = random_parameters(4, 6)
    counts = ForwardBackward(random_lines(6, [10_000, 3]), 6, 4, dtype=dtype).counts(parameters)
    assert counts.emissions.sum() == pytest.approx(10_003, rel=1e-5)
    assert np.isfinite(counts.transitions).all()


def test_a_state_that_dies_is_counted_as_nothing(library):
    parameters = Parameters(
        np.array([0.5, 0.5, 0.0]),
        np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]),
        np.array([[0.5, 0.2, 0.0], [0.5, 0.8, 1.0]]),
    )
    counts = double(random_lines(2, [9, 5]), parameters).counts(parameters)
    assert counts.emissions[:, 2].tolist() == [0, 0]
    assert (counts.transitions[2] == 0).all()
    assert np.isfinite(maximized(counts, 0.01).transitions).all()


def test_one_symbol_and_one_state_cost_nothing(library):
    parameters = Parameters(np.ones(1), np.ones((1, 1)), np.ones((1, 1)))
    engine = double(random_lines(1, [4, 1]), parameters)
    assert engine.log_likelihood(parameters) == 0
    assert engine.counts(parameters).transitions.tolist() == [[3]]


def test_an_impossible_line_is_an_error(library):
    parameters = Parameters(np.array([1.0, 0.0]), np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0]]))
    for lines in ([np.array([0, 0]), np.array([0, 1])], [np.array([1])]):
        for ask in (ForwardBackward.counts, ForwardBackward.log_likelihood):
            with pytest.raises(LmbenchError, match="a line has probability 0 under this hidden Markov model"):
                ask(double(lines, parameters), parameters)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ask", [ForwardBackward.counts, ForwardBackward.posteriors])
def test_counts_that_overflow_are_an_error(dtype, ask, library):
    """The second state would explain all 10,000 events nine times as well each, and no line begins in it."""
    parameters = Parameters(np.array([1.0, 0.0]), np.eye(2), np.array([[0.1, 0.9], [0.9, 0.1]]))
    engine = ForwardBackward([np.zeros(10_000, dtype=np.int32)], 2, 2, dtype)
    with pytest.raises(LmbenchError, match="make no start and no transition impossible"):
        ask(engine, parameters)
    assert engine.log_likelihood(parameters) == pytest.approx(10_000 * math.log(0.1))


@pytest.mark.parametrize("line", [[0, 3], [1, -1]])
def test_symbols_that_do_not_exist_are_an_error(line):
    with pytest.raises(LmbenchError, match=r"a line has the symbols .*, not 0 to 2 at most"):
        ForwardBackward([np.array([0, 1]), np.array(line)], 3, 2)


def test_no_lines_are_nothing():
    counts = double([], RAIN).counts(RAIN)
    assert (counts.log_likelihood, counts.emissions.sum()) == (0, 0)
    assert double([np.zeros(0, dtype=int)], RAIN).logprobs(RAIN)[0].tolist() == []


def test_one_long_line_among_short_ones_needs_no_more_memory_than_itself():
    made = forward_backward._chains(random_lines(5, [60_000, *[2] * 600]), 64)
    assert [[len(batch.lines) for batch in chain] for chain in made] == [[1], [512], [88]]
    assert max(batch.running[0] * len(batch.running) for [batch] in made) == 60_000


@pytest.mark.parametrize("states", [64, 2048])
def test_a_line_of_any_length_needs_bounded_memory(states):
    [long, short] = forward_backward._chains(random_lines(5, [300_000, 7]), states)
    assert max(len(batch.ids) for batch in long) * states <= 1 << 24
    assert max(len(batch.ids) for batch in long) <= 1 << 16
    assert sum(len(batch.ids) for batch in long) == 300_000
    assert len(short) == 1


def test_a_line_in_pieces_is_the_same_line(library, monkeypatch):
    parameters = random_parameters(4, 9, sharpness=0.3)
    lines = random_lines(9, [61, 7, 16, 17, 32, 33, 1])
    whole = double(lines, parameters)
    monkeypatch.setattr(forward_backward, "_EVENTS_AT_ONCE", 16)
    cut = double(lines, parameters)
    assert sorted(len(chain) for share in cut._shares for chain in share)[-4:] == [2, 2, 3, 4]
    for ask in (ForwardBackward.logprobs, ForwardBackward.posteriors):
        for one, other in zip(ask(whole, parameters), ask(cut, parameters), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)
    one, other = whole.counts(parameters), cut.counts(parameters)
    for name in ("start", "transitions", "emissions", "log_likelihood"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-14)
    assert cut.events == whole.events


@pytest.mark.parametrize("summed", [1, 2, 5])
def test_sums_of_few_events_add_up_to_those_of_all(library, monkeypatch, summed):
    parameters = random_parameters(3, 6)
    lines = random_lines(6, [40, 3, 11])
    expected = double(lines, parameters).counts(parameters).emissions
    monkeypatch.setattr(forward_backward, "_SUMMED", summed)
    np.testing.assert_allclose(double(lines, parameters).counts(parameters).emissions, expected, rtol=1e-12)


def test_float32_adds_up_many_like_emissions():
    """Each is 0.7, and in float32 alone 59,904 of them are one in ten thousand too many."""
    alike = Parameters(np.array([0.3, 0.7]), np.array([[0.3, 0.7]] * 2), np.ones((1, 2)))
    counts = ForwardBackward([np.zeros(117, dtype=np.int32)] * 512, 1, 2).counts(alike)
    np.testing.assert_allclose(counts.emissions[0], [0.3 * 59_904, 0.7 * 59_904], rtol=4e-6)
    np.testing.assert_allclose(counts.transitions.sum(), 512 * 116, rtol=1e-5)
