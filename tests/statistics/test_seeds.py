"""Several seeds: hand-computed values, the analysis of variance, the pigeonhole bootstrap, and coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from lmbench.statistics import Units, compare_pairs, estimate_crossed, estimate_models, estimate_sums


def simulate(rng, seeds, units, seed_deviation=0.0, unit_deviation=1.0):
    """Return numerators with a ratio of 0, (seeds, units), and denominators."""
    below = np.ceil(100 * rng.lognormal(size=units))
    rates = seed_deviation * rng.normal(size=(seeds, 1)) + unit_deviation * rng.normal(size=units)
    return (rates + 0.01 * rng.normal(size=(seeds, units))) * below, below


def test_variances_and_degrees_are_those_computed_by_hand():
    first = np.array([[1.0, 2.0, 3.0], [3.0, 6.0, 3.0]])
    found = estimate_crossed(first, np.zeros((1, 3)), np.ones(3))
    # The means over the seeds, 2, 4 and 3, have a variance of 1/3, and those over the units, 2 and 4, of 1. The
    # interaction is ±1, ±2 and 0: 1/3. The degrees of freedom are the mean of 2 and 1, weighted by 1/3 and 1.
    assert found.error == pytest.approx(1.0)
    degrees = (1 / 3 + 1) / (1 / 3 / 2 + 1 / 1)
    low, high = stats.t.interval(0.95, degrees, 3, 1)
    assert (found.value, found.low, found.high) == pytest.approx((3, low, high))
    assert found.p == pytest.approx(2 * stats.t.sf(3, degrees))


def test_error_of_equal_units_is_that_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    seeds, units = 4, 12
    bits = rng.normal(size=(seeds, 1)) + rng.normal(size=units) + rng.normal(size=(seeds, units))
    rows, columns, center = bits.mean(axis=1, keepdims=True), bits.mean(axis=0), bits.mean()
    of_seeds = units * ((rows - center) ** 2).sum() / (seeds - 1)
    of_units = seeds * ((columns - center) ** 2).sum() / (units - 1)
    rest = ((bits - rows - columns + center) ** 2).sum() / ((seeds - 1) * (units - 1))
    found = estimate_crossed(bits, np.zeros((1, units)), np.ones(units))
    assert found.error == pytest.approx(math.sqrt((of_seeds + of_units - rest) / (seeds * units)))


def test_error_is_the_corrected_deviation_of_the_pigeonhole_bootstrap():
    rng = np.random.default_rng(1)
    bits = rng.normal(size=(12, 1)) + rng.normal(size=12)  # no interaction, which the bootstrap counts three times
    seeds, units = (rng.multinomial(12, np.full(12, 1 / 12), 20_000) for _ in range(2))
    draws = np.einsum("ds,su,du->d", seeds, bits, units) / 144
    found = estimate_crossed(bits, np.zeros((1, 12)), np.ones(12))
    assert found.error == pytest.approx(math.sqrt(draws.var() * 12 / 11), rel=0.02)


def test_interval_excludes_zero_if_and_only_if_p_is_below_the_level():
    rng, excluded = np.random.default_rng(2), 0
    for _ in range(200):
        first, below = simulate(rng, 3, 15, seed_deviation=0.3)
        second, _ = simulate(rng, 5, 15, seed_deviation=0.3)
        found = estimate_crossed(first + below, second, below)
        assert (found.low > 0 or found.high < 0) == (found.p < 0.05)
        excluded += found.p < 0.05
    assert 20 < excluded < 180


@pytest.mark.parametrize("seed_deviation", [0.1, 2.0])
def test_intervals_of_three_seeds_hold_the_true_difference(seed_deviation):
    rng, held, held_without_seeds = np.random.default_rng(3), 0, 0
    for _ in range(300):
        first, below = simulate(rng, 3, 24, seed_deviation)
        found = estimate_crossed(first, np.zeros((1, 24)), below)
        mean = np.tile(first.mean(axis=0), (3, 1))  # as if each seed gave the same
        without_seeds = estimate_crossed(mean, np.zeros((1, 24)), below)
        held += found.low <= 0 <= found.high
        held_without_seeds += without_seeds.low <= 0 <= without_seeds.high
    assert 0.925 <= held / 300 <= 0.985
    assert seed_deviation < 0.5 or held_without_seeds / 300 < 0.85


def test_false_positive_rate_of_two_models_with_seeds_is_at_most_its_level():
    rng, ps = np.random.default_rng(4), []
    for _ in range(500):
        below = np.ceil(100 * rng.lognormal(size=24))
        rates = 0.5 * rng.normal(size=(2, 5, 1)) + 0.01 * rng.normal(size=(2, 5, 24))
        first, second = (rates + rng.normal(size=(2, 1, 24)) * 0.5) * below
        ps.append(estimate_crossed(first, second, below).p)
    assert 0.015 <= np.mean(np.array(ps) < 0.05) <= 0.06


def test_seeds_that_agree_leave_the_t_interval_of_the_units():
    rng = np.random.default_rng(5)
    first, below = simulate(rng, 1, 15)
    found = estimate_crossed(np.tile(first, (3, 1)), np.zeros((1, 15)), below)
    effective = below.sum() ** 2 / (below**2).sum()
    low, high = stats.t.interval(0.95, effective - 1, found.value, found.error)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_seed_each_is_the_estimate_of_sums():
    rng = np.random.default_rng(6)
    first, below = simulate(rng, 1, 40)
    second, _ = simulate(rng, 1, 40)
    assert estimate_crossed(first, second, below) == estimate_sums(first - second, below)[0]


def test_model_with_seeds_compared_with_itself_does_not_differ():
    first, below = simulate(np.random.default_rng(7), 3, 30, seed_deviation=1.0)
    found = estimate_crossed(first, first, below)
    assert (found.value, found.p) == (0, 1)
    assert found.low < 0 < found.high


def test_exchanged_models_have_the_opposite_estimate():
    rng = np.random.default_rng(8)
    first, below = simulate(rng, 3, 30, seed_deviation=1.0)
    second, _ = simulate(rng, 4, 30, seed_deviation=2.0)
    one, other = estimate_crossed(first, second, below), estimate_crossed(second, first, below)
    assert (one.value, one.low, one.high, one.p) == pytest.approx((-other.value, -other.high, -other.low, other.p))


def test_order_of_seeds_and_units_and_the_unit_of_bits_do_not_matter():
    rng = np.random.default_rng(9)
    first, below = simulate(rng, 4, 30, seed_deviation=1.0)
    second, _ = simulate(rng, 3, 30, seed_deviation=1.0)
    found = estimate_crossed(first, second, below)
    places = rng.permutation(30)
    moved = estimate_crossed(8 * first[::-1][:, places], 8 * second[:, places], below[places])
    assert (moved.value / 8, moved.low / 8, moved.high / 8) == pytest.approx((found.value, found.low, found.high))
    assert moved.p == pytest.approx(found.p)


def test_one_unit_has_no_interval_and_empty_units_do_not_count():
    found = estimate_crossed(np.array([[6.0, 0.0], [2.0, 0.0]]), np.zeros((1, 2)), np.array([2.0, 0.0]))
    assert (found.value, found.low, found.p, found.error) == (2, None, None, None)


def test_seeds_and_units_that_all_agree_have_no_error():
    found = estimate_crossed(np.full((3, 5), 2.0), np.zeros((1, 5)), np.ones(5))
    assert (found.value, found.low, found.high, found.p) == (2, 2, 2, 0)


def test_bits_per_byte_of_models_are_the_means_over_seeds():
    first, below = simulate(np.random.default_rng(10), 3, 30, seed_deviation=0.2)
    units = Units.choose(first, below.astype(np.int64), np.ones(30, dtype=np.int64))
    several, one, another = estimate_models([first, first[:1], first[1:2]], units)
    assert several.value == pytest.approx(first.mean(axis=0).sum() / below.sum())
    assert several == estimate_crossed(first, np.zeros((1, 30)), below)
    assert (one, another) == estimate_sums(first[:2], below)


def test_only_pairs_with_several_seeds_are_crossed():
    rng = np.random.default_rng(11)
    one, below = simulate(rng, 1, 30)
    other, _ = simulate(rng, 1, 30)
    several, _ = simulate(rng, 3, 30, seed_deviation=1.0)
    units = Units.choose(one, below.astype(np.int64), np.ones(30, dtype=np.int64))
    pairs = compare_pairs([one, several, other], units)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (0, 2), (1, 2)]
    assert [pair.difference for pair in pairs] == [
        estimate_crossed(one, several, below),
        estimate_sums(one - other, below)[0],
        estimate_crossed(several, other, below),
    ]
    [pair] = compare_pairs([several, several], units)
    assert pair.difference == estimate_crossed(several, several, below)
