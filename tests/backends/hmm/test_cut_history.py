"""A hidden Markov model that predicts from the last events alone, against a sum over all events and states before."""

import math
from itertools import product

import numpy as np
import pytest

from lmbench import build
from lmbench.backends.hmm import cut_history
from lmbench.backends.hmm.cut_history import CutHistory
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.errors import LmbenchError
from lmbench.identity import fit_key
from lmbench.registry import resolve
from tests.backends.hmm.samples import RAIN, fit

LINE = np.array([2, 0, 1, 1, 0, 2])
LINES = [LINE, np.array([1]), LINE[:3], np.array([], dtype=np.int64), LINE[::-1]]


def probability(parameters, line):
    """Return P(line) as a sum over all sequences of states."""
    total = 0.0
    for path in product(range(parameters.states), repeat=len(line)):
        chance = 1.0
        for t, (symbol, state) in enumerate(zip(line, path, strict=True)):
            chance *= parameters.transitions[path[t - 1], state] if t else parameters.start[state]
            chance *= parameters.emissions[symbol, state]
        total += chance
    return total


def by_brute_force(parameters, line, history):
    """Return log P(event | the last events before it) of each event: a sum over all events before them."""
    symbols, found = range(len(parameters.emissions)), []
    for t in range(len(line)):
        first = max(0, t - history)
        befores = list(product(symbols, repeat=first))
        joint, given = (
            sum(probability(parameters, [*before, *line[first:end]]) for before in befores) for end in (t + 1, t)
        )
        found.append(math.log(joint / given))
    return found


@pytest.mark.parametrize("history", range(4))
def test_scores_are_sums_over_all_events_before_the_history(history):
    scored = CutHistory(RAIN, history).logprobs(LINES)
    for line, logprobs in zip(LINES, scored, strict=True):
        np.testing.assert_allclose(logprobs, by_brute_force(RAIN, line, history), atol=1e-12)


def test_without_history_the_position_alone_counts():
    """The distributions of the states after one and two steps from the start, by hand."""
    [logprobs] = CutHistory(RAIN, 0).logprobs([LINE[:3]])
    states = [np.array([0.6, 0.4]), np.array([0.58, 0.42]), np.array([0.574, 0.426])]
    expected = [one @ RAIN.emissions[symbol] for one, symbol in zip(states, LINE, strict=False)]
    np.testing.assert_allclose(np.exp(logprobs), expected)


@pytest.mark.parametrize("history", range(4))
def test_predictions_are_those_of_the_scores(history):
    cut = CutHistory(RAIN, history)
    [expected] = cut.logprobs([LINE])
    predicted = [cut.next_logprobs(LINE[:t]) for t in range(len(LINE))]
    np.testing.assert_allclose([one[LINE[t]] for t, one in enumerate(predicted)], expected, rtol=1e-12)
    np.testing.assert_allclose([np.exp(one).sum() for one in predicted], 1, rtol=1e-12)


def test_a_history_of_a_whole_line_is_the_forward_recursion():
    expected = ForwardBackward(LINES, 3, 2, "float64").logprobs(RAIN)
    for history in (4, 5, 100):
        for one, other in zip(CutHistory(RAIN, history).logprobs(LINES), expected, strict=True):
            np.testing.assert_allclose(one[: history + 1], other[: history + 1], rtol=1e-12)
    np.testing.assert_allclose(CutHistory(RAIN, 100).logprobs(LINES)[0], expected[0], rtol=1e-12)


def test_long_lines_are_read_in_pieces(monkeypatch):
    lines = [np.random.default_rng(0).integers(0, 3, length) for length in (500, 7, 60, 3)]
    whole = CutHistory(RAIN, 3).logprobs(lines)
    monkeypatch.setattr(cut_history, "_MOST_NUMBERS", 20)  # pieces of 10 events
    for one, other in zip(CutHistory(RAIN, 3).logprobs(lines), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_states_that_never_settle_are_followed():
    """They alternate, so that each position has other symbols."""
    turning = Parameters(np.array([1.0, 0.0]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.9, 0.2], [0.1, 0.8]]))
    [logprobs] = CutHistory(turning, 1).logprobs([np.array([0, 1] * 5)])
    np.testing.assert_allclose(np.exp(logprobs), [0.9, 0.8] * 5)


def test_an_impossible_line_is_an_error():
    parameters = Parameters(np.array([1.0, 0.0]), np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(LmbenchError, match="a line has probability 0 under this hidden Markov model"):
        CutHistory(parameters, 0).logprobs([np.array([0, 1])])


def test_a_model_with_a_history_is_the_same_fit(english, tmp_path):
    spec = "hmm:states=3,iterations=2"
    whole = fit(spec, english)
    whole.save(tmp_path)
    model = build(f"{spec},history=1")
    model.restore(tmp_path)
    text = "the cat sat on the log\na zebra"
    [score] = model.score([text])
    assert score.logprobs.sum() != pytest.approx(whole.score([text])[0].logprobs.sum())
    state = model.state_after("the cat sat")
    [event] = state.find_events(b" on")
    assert state.next_events().logprobs[event] == pytest.approx(score.logprobs[3])
    assert dict(model.signature().parts)["history"] == "1"
    assert len({fit_key(resolve(one).identity(), english) for one in (spec, f"{spec},history=1")}) == 1
