from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from lmbench.statistics import Units, compare_pairs
from lmbench.statistics.shares import compare_values, estimate_share, estimate_values, find_mcnemar_p, join_items

ITEMS = [8, 14, 60]  # the jackknife, all halves, random halves


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def units_of(items):
    return Units(np.arange(items), np.ones(items), items)


@pytest.mark.parametrize(("right", "items"), [(0, 5), (5, 5), (1, 1), (7, 20), (19, 20), (653, 1000)])
def test_a_share_has_the_interval_of_clopper_and_pearson(right, items):
    share = estimate_share(np.repeat([1.0, 0.0], [right, items - right]))
    expected = binomtest(right, items).proportion_ci(0.95, method="exact")
    assert share.value == right / items
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high))


def test_the_ends_of_the_interval_are_where_the_binomial_tails_are_half_of_5_percent():
    share = estimate_share(np.repeat([1.0, 0.0], [7, 13]))
    assert binom.sf(6, 20, share.low) == pytest.approx(0.025)
    assert binom.cdf(7, 20, share.high) == pytest.approx(0.025)


def test_shared_credit_lies_between_the_shares_beside_it():
    below, tied, above = (estimate_share(np.repeat([1, 0.0, extra], [7, 12, 1])) for extra in (0.0, 0.25, 1.0))
    assert tied.value == 7.25 / 20
    assert below.low < tied.low < above.low
    assert below.high < tied.high < above.high


@pytest.mark.parametrize(("items", "choices", "right"), [(20, 2, 0.3), (30, 4, 0.1), (50, 4, 0.5)])
def test_with_shared_credit_the_interval_misses_the_truth_less_than_once_in_twenty(rng, items, choices, right):
    """An item is answered rightly, or all its choices are equally likely, or it is answered wrongly."""
    values = rng.choice([1.0, 1 / choices, 0.0], (2000, items), p=[right, 0.4, 0.6 - right])
    shares = [estimate_share(row) for row in values]
    truth = right + 0.4 / choices
    assert np.mean([share.low <= truth <= share.high for share in shares]) > 0.95


def test_a_share_of_one_item_has_no_error():
    assert estimate_share(np.ones(1)).error is None
    assert estimate_share(np.array([1.0, 0, 0, 1])).error == pytest.approx(np.std([1, 0, 0, 1], ddof=1) / 2)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 1), (3, 3), (40, 17), (900, 800)])
def test_mcnemar_is_the_binomial_test_of_the_items_that_one_model_alone_answers(wins, losses):
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1
    assert find_mcnemar_p(wins, losses) == pytest.approx(expected)


def test_mcnemar_is_the_share_of_all_flips_of_signs_that_leave_the_difference_as_large():
    differences = np.array([1, 1, 1, -1, 1, 1, 0, 0])
    flips = [abs(np.dot(signs, differences)) >= abs(differences.sum()) for signs in product((1, -1), repeat=8)]
    assert find_mcnemar_p(5, 1) == pytest.approx(np.mean(flips))


@pytest.mark.parametrize("items", ITEMS)
def test_pairs_of_models_have_the_p_of_mcnemar(rng, items):
    first, second = (rng.random((2, items)) < [[0.7], [0.5]]).astype(float)
    [pair] = compare_values([first[None], second[None]], units_of(items))
    wins, losses = int((first > second).sum()), int((first < second).sum())
    assert (pair.wins, pair.losses) == (wins, losses)
    assert pair.difference.value == pytest.approx(first.mean() - second.mean())
    assert pair.difference.p == pair.adjusted_p == pytest.approx(binomtest(wins, wins + losses).pvalue)


@pytest.mark.parametrize("items", ITEMS)
def test_an_interval_contains_0_if_and_only_if_p_is_not_below_5_percent(rng, items):
    for _ in range(20):
        first, second = (rng.random((2, items)) < [[0.75], [0.5]]).astype(float)
        difference = compare_values([first[None], second[None]], units_of(items))[0].difference
        assert difference.low <= difference.high
        assert (difference.low < 0 < difference.high) <= (difference.p >= 0.05)
        if difference.p >= 0.05:
            assert difference.low <= 0 <= difference.high


def test_the_p_of_shared_credit_is_that_of_flipped_signs(rng):
    first = np.array([1, 1, 0.5, 1, 0, 1, 1, 0.25, 1, 1, 0, 1.0])
    second = np.array([0, 1, 0.0, 0, 0, 1, 0, 0.5, 1, 0, 0.5, 1])
    [pair] = compare_values([first[None], second[None]], units_of(12))
    differences = first - second
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=12)]
    assert pair.difference.p == pytest.approx(np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9))


@pytest.mark.parametrize("items", ITEMS)
def test_models_in_the_other_order_have_the_same_interval(rng, items):
    models = [rng.choice([0, 0.5, 1], (1, items)), rng.choice([0, 0.5, 1], (1, items), p=[0.2, 0.4, 0.4])]
    [pair] = compare_values(models, units_of(items))
    [turned] = compare_values(models[::-1], units_of(items))
    assert (turned.difference.low, turned.difference.high) == (-pair.difference.high, -pair.difference.low)
    assert (turned.difference.p, turned.wins) == (pair.difference.p, pair.losses)


def test_no_difference_between_shares_is_larger_than_1():
    first, second = np.array([[1.0, 1, 1, 0]]), np.array([[0.0, 1, 0, 1]])
    [wide] = compare_values([first, second], units_of(4))
    [share] = compare_values([first, second], units_of(4), are_shares=True)
    assert (wide.difference.high > 1, share.difference.high) == (True, 1)
    assert (wide.difference.low < -1, share.difference.low) == (True, -1)


def test_several_pairs_are_corrected_by_holm(rng):
    models = [(rng.random((1, 60)) < quality).astype(float) for quality in (0.9, 0.6, 0.3)]
    ps = sorted(pair.difference.p for pair in compare_values(models, units_of(60)))
    adjusted = sorted(pair.adjusted_p for pair in compare_values(models, units_of(60)))
    assert adjusted == pytest.approx(np.minimum(1, np.maximum.accumulate(np.multiply(ps, [3, 2, 1]))))


def test_who_wins_depends_on_which_values_are_better():
    first, second = np.full((1, 12), 2.0), np.full((1, 12), 3.0)
    assert compare_values([first, second], units_of(12), higher_is_better=False)[0].wins == 12
    assert compare_values([first, second], units_of(12), higher_is_better=True)[0].losses == 12


def test_items_of_a_group_are_one_unit_wherever_they_stand():
    order, units = join_items(["a", "b", "a", "c", "b", "a"])
    assert order.tolist() == [0, 2, 5, 1, 4, 3]
    assert units.sizes.tolist() == [3, 2, 1]
    assert units.are_blocks
    assert units.sum(np.arange(6.0)[order]).tolist() == [7, 5, 3]
    assert not join_items(["a", "b"])[1].are_blocks


def test_items_that_agree_with_their_neighbors_have_a_wider_interval():
    right = np.repeat([1.0, 0.0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1], 5)
    _, blocks = join_items([str(number // 5) for number in range(60)])
    [wide] = estimate_values([right[None]], blocks, are_shares=True)
    [narrow] = estimate_values([right[None]], units_of(60), are_shares=True)
    assert wide.value == narrow.value
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    assert wide.low >= 0
    assert wide.high <= 1


def test_the_interval_of_several_seeds_is_of_their_mean_and_stays_between_0_and_1(rng):
    seeds = (rng.random((3, 12)) < 0.95).astype(float)
    [share] = estimate_values([seeds], units_of(12), are_shares=True)
    assert share.value == pytest.approx(seeds.mean())
    assert share.low < share.value < share.high <= 1


def test_values_of_few_kinds_have_the_interval_of_random_halves(rng):
    """The binomial numbers of units in a random half, and the units that are drawn one by one, agree."""
    first, second = rng.choice([0.0, 0.5, 1.0], (2, 1, 400), p=[0.3, 0.1, 0.6])
    [counted] = compare_values([first, second], units_of(400))
    [drawn] = compare_pairs([first, second], units_of(400), margin=0)
    assert counted.difference.value == pytest.approx(drawn.difference.value)
    assert counted.difference.error == pytest.approx(drawn.difference.error)
    assert counted.difference.low == pytest.approx(drawn.difference.low, abs=0.003)
    assert counted.difference.high == pytest.approx(drawn.difference.high, abs=0.003)
    assert counted.difference.p == pytest.approx(drawn.difference.p, abs=0.02)
    assert (counted.wins, counted.losses) == (drawn.losses, drawn.wins)


def test_a_certain_difference_of_many_items_has_a_tiny_p():
    [pair] = compare_values([np.ones((1, 100_000)), np.full((1, 100_000), 0.25)], units_of(100_000))
    assert pair.difference.p < 1e-100
    assert (pair.difference.low, pair.difference.high) == (0.75, 0.75)
