from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from lmbench.statistics.flips import DRAWS, MOST_EXACT, arrange, draw_typical_values, select


@pytest.fixture
def rng():
    return np.random.default_rng(16)


def find(above, below, alpha=0.05):
    """Return the typical values of one ratio: low, high, p."""
    found = draw_typical_values(*arrange(np.atleast_2d(np.asarray(above, float)), np.asarray(below, float)), alpha)
    return found.low[0], found.high[0], found.p[0]


def flip_all(residuals):
    """Return the share of all sign flips whose sum is at least as large as that of the residuals."""
    signs = np.array(list(product((-1, 1), repeat=len(residuals))))
    return np.mean(np.abs(signs @ residuals) >= np.abs(residuals.sum()) - 1e-9)


@pytest.mark.parametrize("units", [2, 3, 5, 8, 10, 12])
def test_p_is_that_of_scipys_permutation_test(rng, units):
    values = rng.normal(0.3, 1, units)
    expected = permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert find(values, np.ones(units))[2] == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("units", [3, 7, 12])
def test_p_is_the_share_of_all_sign_flips_if_denominators_differ(rng, units):
    below = rng.integers(1, 1000, units)
    above = below * rng.normal(0.2, 1, units)
    for ratio in (-0.5, 0.0, 0.1, 0.4):
        residuals = above - ratio * below
        assert find(residuals, below)[2] == pytest.approx(flip_all(residuals), abs=1e-12)


@pytest.mark.parametrize("units", [6, 9, 12])
def test_the_interval_ends_where_a_brute_force_test_begins_to_reject(rng, units):
    below = rng.integers(100, 1000, units)
    above = below * rng.normal(2, 0.3, units)
    low, high, _ = find(above, below)
    for end, outwards in ((low, -1e-7), (high, 1e-7)):
        assert flip_all(above - (end - outwards) * below) > 0.05
        assert flip_all(above - (end + outwards) * below) < 0.05


def test_equal_sums_count_as_equal_in_spite_of_rounding_errors():
    """0.1 + 0.2 − 0.3 is 5.6e-17 in float64. Scaled by 10, the sums are exact."""
    values = np.array([0.1, 0.2, -0.3, 0.1, 0.1, -0.2, 0.3])
    assert find(values, np.ones(7))[2] == flip_all(np.rint(10 * values)) == find(10 * values, np.ones(7))[2]


@pytest.mark.parametrize("units", [10, MOST_EXACT, MOST_EXACT + 1, 60])
def test_p_is_below_alpha_if_and_only_if_the_interval_excludes_0(rng, units):
    """Each ratio is shifted so that an end of its interval is at 0, or a little to one side of it."""
    below = rng.integers(1, 1000, units)
    above = below * rng.normal(0.2, 1, (6, units))
    ends = draw_typical_values(*arrange(above, below), 0.05)
    shifts = np.concatenate([ends.low, ends.low * (1 - 1e-9), ends.low - 1e-4, ends.high, ends.high + 1e-4])
    moved = np.tile(above, (5, 1)) - shifts[:, None] * below
    found = draw_typical_values(*arrange(moved, below), 0.05)
    excludes = (found.low > 0) | (found.high < 0)
    assert (excludes == (found.p < 0.05)).all()
    assert 12 <= excludes.sum() <= 24


def test_integers_with_many_ties_keep_interval_and_p_together(rng):
    below = np.ones(14)
    above = rng.integers(-2, 4, (100, 14)).astype(float) / 3
    found = draw_typical_values(*arrange(above, below), 0.05)
    expected = [flip_all(np.rint(3 * row)) for row in above[:20]]
    assert found.p[:20].tolist() == expected
    assert (((found.low > 0) | (found.high < 0)) == (found.p < 0.05)).all()


@pytest.mark.parametrize("units", [12, 40])
def test_no_digit_depends_on_the_order_of_units(rng, units):
    below = rng.integers(1, 6, units)  # many have the same size
    above = below * rng.normal(0.2, 1, units)
    order = rng.permutation(units)
    assert find(above, below) == find(above[order], below[order])


@pytest.mark.parametrize("units", [12, 40])
def test_no_digit_depends_on_other_ratios(rng, units):
    below = rng.integers(1, 1000, units)
    above = below * rng.normal(0.2, 1, (300, units))
    found = draw_typical_values(*arrange(above, below), 0.05)
    for row in (0, 7, 299):
        assert find(above[row], below) == (found.low[row], found.high[row], found.p[row])


@pytest.mark.parametrize("units", [12, 40])
def test_the_opposite_ratio_has_the_opposite_interval(rng, units):
    below = rng.integers(1, 6, units)
    above = below * rng.normal(0.2, 1, units)
    low, high, p = find(above, below)
    assert find(-above, below) == (-high, -low, p)


def test_opposite_numerators_of_one_size_do_not_disturb_it(rng):
    """Many units have the same bytes, and bits that differ in their sign alone."""
    above, below = np.rint(rng.normal(0.3, 3, 60)), np.full(60, 100)
    low, high, p = find(above, below)
    assert find(-above, below) == (-high, -low, p)


def test_random_halves_agree_with_all_halves(rng, monkeypatch):
    below = rng.integers(100, 1000, 18)
    above = below * rng.normal(0.3, 0.5, (30, 18))
    monkeypatch.setattr("lmbench.statistics.flips.MOST_EXACT", 18)
    exact = draw_typical_values(*arrange(above, below), 0.05)
    monkeypatch.setattr("lmbench.statistics.flips.MOST_EXACT", 17)
    drawn = draw_typical_values(*arrange(above, below), 0.05)
    errors = np.sqrt(exact.p * (1 - exact.p) / DRAWS)
    assert (np.abs(drawn.p - exact.p) < 4.5 * errors + 1 / DRAWS).all()
    widths = exact.high - exact.low
    assert (np.abs(drawn.low - exact.low) < 0.05 * widths).all()
    assert (np.abs(drawn.high - exact.high) < 0.05 * widths).all()


def test_p_below_the_resolution_of_the_halves_bounds_that_of_all_halves():
    """All 24 units favor the same side: p is 2 / 2^24. Hoeffding's bound is 2 exp(−24 / 2)."""
    p = find(np.ones(24), np.ones(24))[2]
    assert 2**-23 <= p == pytest.approx(2 * np.exp(-12))


@pytest.mark.parametrize("rank", [0, 1, 249, 499, 9_999])
@pytest.mark.parametrize("kind", ["normal", "sorted", "few values", "with infinity"])
def test_the_value_of_a_rank_is_that_of_the_sorted_row(rng, kind, rank):
    """In sorted rows, every 16th value is not a random sample. Many halves have the same sum, or an empty half."""
    values = rng.normal(size=(3, 10_000))
    rows = {
        "normal": values,
        "sorted": np.sort(values, axis=1),
        "few values": np.rint(values),
        "with infinity": np.where(values < -1.9, -np.inf, values),
    }[kind]
    assert select(rows, rank).tolist() == np.sort(rows, axis=1)[:, rank].tolist()


def test_a_bound_below_too_few_values_is_not_used():
    """The values that are looked at are the smallest ones."""
    row = np.ones(10_000)
    row[::16] = np.arange(625) / 1000
    assert select(row[None], 700).tolist() == [1]


def test_few_units_have_no_bounded_interval_of_level_95():
    """Of five units the smallest p is 2 / 2^5, above 0.05."""
    low, high, p = find([1, 2, 3, 4, 5], np.ones(5))
    assert (low, high, p) == (-np.inf, np.inf, 2 / 2**5)


@pytest.mark.parametrize("units", [12, 40])
def test_differences_of_0_have_p_1(units):
    assert find(np.zeros(units), np.ones(units)) == (0, 0, 1)


def test_rounding_for_exact_sums_changes_no_digit_that_is_printed(rng):
    above = rng.lognormal(0, 3, (5, 10_000)) * 10.0 ** np.arange(-3, 7, 2)[:, None]
    arranged, _ = arrange(above, np.ones(10_000))
    np.testing.assert_allclose(arranged.sum(axis=1), above.sum(axis=1), rtol=1e-12)
    shuffled = rng.permuted(arranged, axis=1)
    assert (shuffled.cumsum(axis=1)[:, -1] == arranged.sum(axis=1)).all()
