import numpy as np
import pytest

from lmbench.backends.hmm.array_library import NumpyLibrary
from lmbench.backends.hmm.batches import make_chains
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.recursions import Buffers, LineFilter, Recursions
from lmbench.errors import LmbenchError
from tests.backends.hmm.samples import RAIN, fit, float64_engine, random_lines, random_parameters


def test_the_rain_by_hand():
    """Compare f, g, c and the posteriors of two days with the formulas in the module's docstring."""
    arrays = NumpyLibrary("float64")
    [chain] = make_chains([np.array([0, 1])], 2)
    buffers = Buffers(arrays, [chain], 2)
    [result] = Recursions(RAIN, arrays).posteriors(chain, buffers)
    scale_1 = 0.6 * 0.1 + 0.4 * 0.6
    forward_1 = np.array([0.6 * 0.1, 0.4 * 0.6]) / scale_1
    joint = forward_1 @ RAIN.transitions * [0.4, 0.3]
    scale_2 = joint.sum()
    backward_2 = np.array([0.4, 0.3]) / scale_2
    following_1 = RAIN.transitions @ backward_2
    np.testing.assert_allclose(result.scales, [scale_1, scale_2])
    np.testing.assert_allclose(buffers.forward, [forward_1, joint / scale_2])
    np.testing.assert_allclose(buffers.backward, [np.array([0.1, 0.6]) * following_1 / scale_1, backward_2])
    np.testing.assert_allclose(result.posterior, [forward_1 * following_1, joint / scale_2])
    np.testing.assert_allclose(Recursions(RAIN, arrays).scales(chain), [scale_1, scale_2])


def test_a_line_in_pieces_is_the_same_line(library, monkeypatch):
    parameters = random_parameters(4, 9, sharpness=0.3)
    lines = random_lines(9, [61, 7, 16, 17, 32, 33, 1])
    whole = float64_engine(lines, parameters)
    monkeypatch.setattr("lmbench.backends.hmm.batches._MOST_EVENTS", 16)
    cut = float64_engine(lines, parameters)
    assert sorted(len(chain.batches) for share in cut._shares for chain in share)[-4:] == [2, 2, 3, 4]
    for ask in (ForwardBackward.logprobs, ForwardBackward.posteriors):
        for one, other in zip(ask(whole, parameters), ask(cut, parameters), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)
    one, other = whole.expected_counts(parameters), cut.expected_counts(parameters)
    for name in ("start", "transitions", "emissions", "log_likelihood"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-14)
    assert cut.events == whole.events


def test_an_impossible_line_is_an_error(library):
    parameters = Parameters(np.array([1.0, 0.0]), np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0]]))
    for lines in ([np.array([0, 0]), np.array([0, 1])], [np.array([1])]):
        for ask in (ForwardBackward.expected_counts, ForwardBackward.log_likelihood):
            with pytest.raises(LmbenchError, match="a line has probability 0 under this hidden Markov model"):
                ask(float64_engine(lines, parameters), parameters)


def test_predictions_are_the_engines():
    parameters = random_parameters(3, 5)
    [line] = random_lines(5, [9])
    [expected] = float64_engine([line], parameters).logprobs(parameters)
    predict = LineFilter(parameters).next_logprobs
    np.testing.assert_allclose([predict(line[:t])[line[t]] for t in range(9)], expected, rtol=1e-12)
    np.testing.assert_allclose(predict(line[:2])[line[2]], expected[2], rtol=1e-12)  # back to a shorter line


def test_a_line_is_read_event_by_event(english):
    model = fit("hmm:states=3,iterations=3", english)
    state = model.state_after("the cat")
    words = model._fitted.lexicon.types
    state.next_events()
    for word, text in (("sat", "the cat sat"), ("on", "the cat sat on"), ("\n", "the cat sat on\n"), ("the", "\nthe")):
        state.advance(words.index(word))
        expected = model.next_events(text).logprobs
        np.testing.assert_allclose(state.next_events().logprobs, expected, rtol=1e-12)
