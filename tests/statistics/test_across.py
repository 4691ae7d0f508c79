"""Several corpora: averages beside scipy's t, and partial conjunction beside its definition."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from lmbench.statistics import average_ratios, count_shown

RATIOS = np.array([0.9, 1.2, 0.8, 0.95])


def test_geometric_mean_is_that_computed_by_hand():
    assert average_ratios(np.array([0.5, 2.0])).value == pytest.approx(1)
    assert average_ratios(np.array([2.0, 4.0, 8.0])).value == pytest.approx(4)


def test_interval_is_the_t_interval_of_the_logarithms():
    found, logs = average_ratios(RATIOS), np.log(RATIOS)
    low, high = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_prediction_interval_holds_one_more_corpus():
    rng, held = np.random.default_rng(0), 0
    for logs in rng.normal(0.1, 0.3, (2000, 5)):
        found = average_ratios(np.exp(logs[:4]))
        held += found.next_low <= math.exp(logs[4]) <= found.next_high
    assert 0.935 <= held / 2000 <= 0.965


def test_exchanged_models_have_the_inverse_average():
    found, inverse = average_ratios(RATIOS), average_ratios(1 / RATIOS)
    assert (inverse.value, inverse.low, inverse.next_high) == pytest.approx(
        (1 / found.value, 1 / found.high, 1 / found.next_low)
    )


def test_fewer_than_three_corpora_have_no_interval():
    found = average_ratios(RATIOS[:2])
    assert (found.low, found.high, found.next_low, found.next_high) == (None, None, None, None)
    assert average_ratios(RATIOS[:3]).low is not None


def partial_conjunction_p(ps, count):
    """Return Benjamini and Heller's p: the largest p of all intersections of N − u + 1 hypotheses, by Bonferroni."""
    size = len(ps) - count + 1
    return max(min(1, size * min(part)) for part in combinations(ps, size))


def test_corpora_shown_are_those_of_all_intersections():
    rng, counts = np.random.default_rng(1), set()
    for _ in range(300):
        ps = rng.choice([0.001, 0.011, 0.012, 0.016, 0.024, 0.04, 0.2, 1.0], size=5).tolist()
        expected = 0
        while expected < 5 and partial_conjunction_p(ps, expected + 1) < 0.05:
            expected += 1
        assert count_shown(ps) == expected
        counts.add(expected)
    assert counts == {0, 1, 2, 3, 4, 5}


def test_more_corpora_than_have_a_difference_are_rarely_shown():
    rng = np.random.default_rng(2)
    too_many = [count_shown([1e-9, 1e-9, *rng.uniform(size=4).tolist()]) > 2 for _ in range(4000)]
    assert 0.035 <= np.mean(too_many) <= 0.06


def test_nothing_is_shown_of_no_corpora():
    assert count_shown([]) == 0
    assert count_shown([1.0, 1.0]) == 0
