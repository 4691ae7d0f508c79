"""The best mixture of two models, by hand, by expectation maximization and by brute force."""

import numpy as np
import pytest

from lmbench.analysis.complementarity import draw_complementarity, measure_complementarity, mix
from lmbench.backends.mixture import interpolate, tune_weights
from lmbench.statistics import estimate_sums
from tests.analysis.scored import align_events, corpus


def test_two_models_that_know_one_half_each_are_mixed_evenly():
    # each finds its span certain, and gives the other one 1/4: the mixture gives both 5/8
    weight, bits = mix(np.array([0.0, 2.0]), np.array([2.0, 0.0]))
    assert weight == pytest.approx(0.5, abs=1e-6)
    assert bits == pytest.approx([np.log2(8 / 5)] * 2)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_model_that_is_never_better_is_left_out(swapped):
    pair = [np.array([1.0, 3.0]), np.array([2.0, 3000.0])]
    weight, bits = mix(*reversed(pair)) if swapped else mix(*pair)
    assert weight == pytest.approx(0.0 if swapped else 1.0, abs=1e-6)
    assert bits == pytest.approx(pair[0], abs=1e-5)


def test_the_weight_is_the_limit_of_expectation_maximization():
    bits = np.random.default_rng(0).gamma(2, 3, (2, 500))
    logprobs = -bits * np.log(2)
    weight, mixed = mix(*bits)
    tuned = tune_weights(logprobs)
    assert weight == pytest.approx(tuned[0], abs=1e-4)
    assert mixed.sum() == pytest.approx(-interpolate(logprobs, tuned).sum() / np.log(2), rel=1e-7)
    grid = [mix_at(bits, other).sum() for other in np.linspace(0.001, 0.999, 999)]
    assert mixed.sum() <= min(grid) + 1e-9


def mix_at(bits, weight):
    return -np.log2(weight * 2 ** -bits[0] + (1 - weight) * 2 ** -bits[1])


@pytest.fixture
def frame():
    """Return the mixtures of three models on twelve documents of two words; the third one is always worse."""
    first = [[(1, 1 + number % 2), (2, 5)] for number in range(12)]
    second = [[(1, 4), (2, 1 + number % 3)] for number in range(12)]
    third = [[(1, 9), (2, 9)] for _ in range(12)]
    return measure_complementarity(align_events(corpus(*["a b"] * 12), third=third, first=first, second=second))


def test_each_pair_is_mixed_and_that_of_the_best_model_comes_first(frame):
    pairs = list(zip(frame["model"], frame["other"], strict=True))
    assert pairs == [("second", "first"), ("second", "third"), ("first", "third")]


def test_the_gain_is_against_the_better_model_with_an_interval_over_documents(frame):
    second = np.array([5.0 + number % 3 for number in range(12)])
    first_row = frame.iloc[0]
    weight, mixed = mix(
        np.array([bits for number in range(12) for bits in (4.0, 1.0 + number % 3)]),
        np.array([bits for number in range(12) for bits in (1.0 + number % 2, 5.0)]),
    )
    [expected] = estimate_sums((second - mixed.reshape(12, 2).sum(axis=1))[None], np.full(12, 3.0))
    assert first_row["weight"] == weight
    assert first_row["bits_per_byte"] == pytest.approx(mixed.sum() / 36)
    assert (first_row["gain"], first_row["low"]) == pytest.approx((expected.value, expected.low))
    assert first_row["gain"] > 0.3
    assert frame.iloc[1]["gain"] == pytest.approx(0, abs=1e-6)


def test_the_chart_has_the_gains_with_the_best_model(frame):
    chart = draw_complementarity(frame)
    assert chart.y.categories == ("first", "third")
    assert chart.series[0].x == tuple(frame["gain"].iloc[:2])
