import math

import numpy as np
import pytest
from scipy import stats

from lmbench.statistics import estimate_sums
from lmbench.statistics.estimates import ALPHA

UNITS = [12, 40, 8]  # all halves, random halves, the jackknife


@pytest.fixture
def rng():
    return np.random.default_rng(160)


def draw(rng, units, rows=1):
    sizes = rng.integers(500, 1500, units)
    return sizes * rng.normal(0.05, 0.1, (rows, units)), sizes.astype(float)


def ends(estimate):
    return estimate.low, estimate.high


@pytest.mark.parametrize("units", UNITS)
def test_p_is_below_alpha_if_and_only_if_the_interval_excludes_0(rng, units):
    estimates = estimate_sums(*draw(rng, units, rows=500))
    excludes = [not estimate.low <= 0 <= estimate.high for estimate in estimates]
    assert excludes == [estimate.p < ALPHA for estimate in estimates]
    assert 50 < sum(excludes) < 450
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in estimates)


@pytest.mark.parametrize("units", UNITS)
def test_no_digit_depends_on_the_order_of_documents(rng, units):
    above, below = draw(rng, units)
    order = rng.permutation(units)
    assert estimate_sums(above, below) == estimate_sums(above[:, order], below[order])


@pytest.mark.parametrize("units", UNITS)
def test_the_unit_of_bits_scales_the_interval_and_leaves_p(rng, units):
    above, below = draw(rng, units)
    [bits] = estimate_sums(above, below)
    [nats] = estimate_sums(above * math.log(2), below)
    assert nats.p == pytest.approx(bits.p, rel=1e-9)
    scaled = [value * math.log(2) for value in (bits.value, bits.low, bits.high, bits.error)]
    assert (nats.value, nats.low, nats.high, nats.error) == pytest.approx(scaled)


@pytest.mark.parametrize("units", UNITS)
def test_no_digit_depends_on_other_ratios(rng, units):
    above, below = draw(rng, units, rows=30)
    together = estimate_sums(above, below)
    assert together[7] == estimate_sums(above[[7]], below)[0]
    assert together[::-1] == estimate_sums(above[::-1], below)


def test_the_value_is_a_ratio_of_sums():
    [estimate] = estimate_sums(np.array([[30.0, 10.0, 2.0]]), np.array([10.0, 5.0, 1.0]))
    assert estimate.value == 42 / 16


def test_below_ten_effective_units_the_interval_is_that_of_t():
    """Nine equal units: the t interval of the mean, by hand: 5 ± 2.306 · 2.739 / 3."""
    [estimate] = estimate_sums(np.arange(1.0, 10)[None], np.ones(9))
    assert estimate.error == pytest.approx(math.sqrt(7.5 / 9))
    assert ends(estimate) == pytest.approx((5 - 2.306004 * math.sqrt(7.5) / 3, 5 + 2.306004 * math.sqrt(7.5) / 3))


def test_one_large_document_of_many_makes_few_effective_units(rng):
    """Of 30 documents, one has half the bytes: 58² / (29² + 29) = 3.87 effective units."""
    sizes = np.array([29.0, *[1.0] * 29])
    [estimate] = estimate_sums(rng.normal(2, 0.1, (1, 30)) * sizes, sizes)
    assert estimate.high - estimate.value == pytest.approx(estimate.value - estimate.low)
    assert (estimate.high - estimate.low) / (2 * estimate.error) == pytest.approx(stats.t.isf(0.025, 58**2 / 870 - 1))


def test_one_document_has_a_value_and_no_interval():
    [estimate] = estimate_sums(np.array([[7.0, 0.0]]), np.array([2.0, 0.0]))
    assert (estimate.value, estimate.low, estimate.high, estimate.p, estimate.error) == (3.5, None, None, None, None)


@pytest.mark.parametrize("units", UNITS)
def test_empty_documents_change_nothing(rng, units):
    above, below = draw(rng, units)
    places = rng.integers(0, units, 5)
    assert estimate_sums(np.insert(above, places, 0, axis=1), np.insert(below, places, 0)) == estimate_sums(
        above, below
    )


@pytest.mark.parametrize(("units", "most"), [(8, 0.985), (24, 0.965)])
def test_intervals_hold_the_true_value_in_95_of_100_texts(units, most):
    """40 sets of lognormal lengths, each with 50 texts. The intervals of few documents are cautious."""
    held, significant = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sizes = np.ceil(rng.lognormal(7, 1, units))
        estimates = estimate_sums(sizes * rng.normal(0, 0.1, (50, units)), sizes)
        held += [estimate.low <= 0 <= estimate.high for estimate in estimates]
        significant += [estimate.p < ALPHA for estimate in estimates]
    assert 0.93 <= np.mean(held) <= most
    assert np.mean(significant) == pytest.approx(1 - np.mean(held))
