import numpy as np
import pytest

from lmbench.backends.mixture import interpolate, tune_weights


def test_interpolation_by_hand():
    logprobs = np.log(np.array([[0.5, 0.25, 1.0], [0.1, 0.75, 0.5]]))
    assert np.exp(interpolate(logprobs, np.array([0.2, 0.8]))) == pytest.approx([0.18, 0.65, 0.6])


def test_one_model_can_rule_an_event_out():
    logprobs = np.array([[-np.inf, -np.inf], [np.log(0.5), -np.inf]])
    assert interpolate(logprobs, np.array([0.5, 0.5])).tolist() == pytest.approx([np.log(0.25), -np.inf])


def test_tuned_weights_are_the_best_of_a_grid():
    rng = np.random.default_rng(0)
    logprobs = np.log(rng.random((2, 500)) * [[1.0], [0.8]])
    logprobs[0, :50] = -np.inf
    best = max(np.arange(1, 1000) / 1000, key=lambda share: interpolate(logprobs, np.array([share, 1 - share])).sum())
    assert tune_weights(logprobs)[0] == pytest.approx(best, abs=2e-3)


def test_useless_models_get_no_weight():
    logprobs = np.log(np.array([[0.5] * 9, [0.4] * 9, [0.001] * 9]))
    assert tune_weights(logprobs) == pytest.approx([1, 0, 0], abs=1e-3)


def test_without_events_the_weights_are_equal():
    assert tune_weights(np.zeros((4, 0))).tolist() == [0.25] * 4
    assert tune_weights(np.full((2, 3), -np.inf)).tolist() == [0.5, 0.5]
