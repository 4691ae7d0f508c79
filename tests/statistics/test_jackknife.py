import math

import numpy as np
import pytest
from scipy import stats

from lmbench.statistics.jackknife import find_standard_errors, find_t_interval


def test_the_standard_error_of_a_ratio_by_hand():
    """Without each unit: 6/3, 5/4, 3/3; the mean is 17/12; the deviations are 7/12, −2/12 and −5/12."""
    [error] = find_standard_errors(np.array([[1.0, 2.0, 4.0]]), np.array([2.0, 1.0, 2.0]))
    assert error == pytest.approx(math.sqrt(2 / 3 * (49 + 4 + 25) / 144))


def test_the_standard_error_of_a_mean_is_the_usual_one():
    values = np.random.default_rng(0).normal(size=(4, 12))
    np.testing.assert_allclose(find_standard_errors(values, np.ones(12)), stats.sem(values, axis=1))


def test_the_interval_and_p_are_those_of_the_t_test():
    values = np.random.default_rng(1).normal(0.4, 1, 9)
    [error] = find_standard_errors(values[None], np.ones(9))
    low, high, p = find_t_interval(values.mean(), error, 8, 0.05)
    expected = stats.ttest_1samp(values, 0)
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize("degrees", [0.7, 1.5, 8.9])
def test_p_is_below_alpha_if_and_only_if_the_interval_excludes_0(degrees):
    limit = stats.t.isf(0.025, degrees)
    for value in (0.5, limit - 1e-9, limit + 1e-9, 100 * limit, -limit - 1e-9, -limit + 1e-9):
        low, high, p = find_t_interval(value, 1.0, degrees, 0.05)
        assert (p < 0.05) == (low > 0 or high < 0) == (abs(value) > limit)


def test_without_any_error_only_0_is_not_different_from_0():
    assert find_t_interval(0.0, 0.0, 3, 0.05) == (0, 0, 1)
    assert find_t_interval(0.1, 0.0, 3, 0.05) == (0.1, 0.1, 0)


def test_one_document_with_nearly_all_bytes_leaves_everything_open():
    """Of 1 TB and 1 byte, there are 1 + 2e-12 effective units."""
    low, high, p = find_t_interval(2.0, 0.1, 2e-12, 0.05)
    assert low < -1e100
    assert high > 1e100
    assert p > 0.9
