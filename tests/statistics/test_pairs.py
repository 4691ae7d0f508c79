import math

import numpy as np
import pytest

from lmbench.statistics import MARGIN, Comparison, Estimate, Units, compare_pairs, find_differing, find_ranks
from lmbench.statistics.pairs import adjust_holm

DOCUMENTS = [8, 14, 30]  # the jackknife, all halves, random halves


@pytest.fixture
def rng():
    return np.random.default_rng(162)


def draw(rng, models, documents):
    """Return the bits of each model on each document, and the documents as units."""
    sizes = rng.integers(500, 1500, documents)
    difficulty = rng.normal(2, 0.3, documents)
    quality = np.linspace(0, 0.3, models)[:, None]
    return (difficulty + quality + rng.normal(0, 0.1, (models, documents))) * sizes, as_units(sizes)


def as_units(sizes):
    return Units(np.arange(len(sizes)), np.asarray(sizes, dtype=float), len(sizes))


def compare(bits, units, margin=MARGIN):
    """Compare models that have one seed each."""
    return compare_pairs([row[None] for row in bits], units, margin)


def test_every_pair_is_compared_once(rng):
    bits, units = draw(rng, 5, 14)
    pairs = [(pair.first, pair.second) for pair in compare(bits, units)]
    assert pairs == [(first, second) for first in range(5) for second in range(first + 1, 5)]
    assert compare(bits[:1], units) == ()


@pytest.mark.parametrize("documents", DOCUMENTS)
def test_the_difference_of_a_pair_does_not_depend_on_other_models(rng, documents):
    bits, units = draw(rng, 6, documents)
    for pair in compare(bits, units):
        [alone] = compare(bits[[pair.first, pair.second]], units)
        assert alone.difference == pair.difference
        assert (alone.wins, alone.losses, alone.equal) == (pair.wins, pair.losses, pair.equal)


@pytest.mark.parametrize("documents", DOCUMENTS)
def test_no_digit_depends_on_the_order_of_documents(rng, documents):
    bits, units = draw(rng, 4, documents)
    order = rng.permutation(documents)
    assert compare(bits, units) == compare(bits[:, order], as_units(units.sizes[order]))


@pytest.mark.parametrize("documents", DOCUMENTS)
def test_the_reversed_comparison_is_that_of_the_models_in_the_other_order(rng, documents):
    bits, units = draw(rng, 2, documents)
    [forwards] = compare(bits, units)
    [backwards] = compare(bits[::-1], units)
    reverse = forwards.reversed()
    assert reverse.difference == backwards.difference
    assert (reverse.wins, reverse.losses) == (backwards.wins, backwards.losses)
    assert (reverse.first, reverse.second) == (1, 0)


@pytest.mark.parametrize("documents", DOCUMENTS)
def test_a_model_does_not_differ_from_itself(rng, documents):
    bits, units = draw(rng, 1, documents)
    [pair] = compare([bits[0], bits[0]], units)
    assert pair.difference == Estimate(value=0, low=0, high=0, p=1, error=0)
    assert (pair.adjusted_p, pair.equal, pair.differs, pair.wins, pair.losses) == (1, True, False, 0, 0)


def test_one_document_shows_no_difference():
    [pair] = compare(np.array([[10.0], [20.0]]), as_units([5]))
    assert pair.difference == Estimate(-2.0)
    assert (pair.adjusted_p, pair.differs, pair.equal, pair.detectable, pair.bytes_needed(0.1)) == (
        None,
        False,
        False,
        None,
        None,
    )


def test_wins_and_losses_count_documents():
    [pair] = compare(np.array([[1.0, 5.0, 3.0, 4.0], [2.0, 4.0, 3.0, 5.0]]), as_units([5, 5, 5, 5]))
    assert (pair.wins, pair.losses, pair.size) == (2, 1, 20)


def test_a_difference_within_the_margin_is_significant_and_equal(rng):
    """Each document of the second model needs 7e-7 bits more for each byte, give or take a seventh of it."""
    bits, units = draw(rng, 1, 100)
    more = (7e-7 + rng.normal(0, 1e-7, 100)) * units.sizes
    [pair] = compare([bits[0], bits[0] + more], units)
    assert pair.adjusted_p < 1e-4
    assert (pair.equal, pair.differs) == (True, False)
    [pair] = compare([bits[0], bits[0] + more], units, margin=1e-7)
    assert (pair.equal, pair.differs) == (False, True)


def test_a_wide_interval_around_0_is_neither_different_nor_equal(rng):
    bits, units = draw(rng, 1, 30)
    [pair] = compare([bits[0], bits[0] + rng.normal(0, 0.1, 30) * units.sizes], units)
    assert (pair.equal, pair.differs) == (False, False)
    assert pair.difference.low < -MARGIN < MARGIN < pair.difference.high


def test_holms_correction_of_four_p_by_hand():
    """Sorted, 0.005, 0.01, 0.03 and 0.04 are multiplied by 4, 3, 2 and 1, and none may be below the one before it.

    R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") is 0.03 0.06 0.06 0.02.
    """
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holms_correction_of_missing_and_large_p():
    assert adjust_holm([None, 0.9, 0.6, None]) == [None, 1.0, 1.0, None]
    assert adjust_holm([None]) == [None]
    assert adjust_holm([]) == []
    assert adjust_holm([0.2]) == [0.2]


def test_the_pairs_of_equal_models_rarely_differ(rng):
    """Of five models that are equally good, any pair differs in at most 5 % of texts. Without the correction, some pair
    does so in about a quarter of them."""
    corrected, uncorrected = 0, 0
    sizes = np.full(12, 1000)
    for _ in range(300):
        pairs = compare((2 + rng.normal(0, 0.1, (5, 12))) * sizes, as_units(sizes))
        corrected += any(pair.differs for pair in pairs)
        uncorrected += any(pair.difference.p < 0.05 for pair in pairs)
    assert corrected <= 0.05 * 300 + 8
    assert uncorrected > 0.15 * 300


def pair_of(first, second, p):
    return Comparison(first, second, Estimate(-0.1, -0.2, -0.01, p, 0.02), p, False, 1, 0, 10.0)


def test_ranks_count_the_models_that_are_better():
    """The second and third of four do not differ: 1, 2=, 2=, 4."""
    significant = [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    differs = find_differing(4, [*(pair_of(*pair, 0.01) for pair in significant), pair_of(1, 2, 0.2)])
    assert differs.astype(int).tolist() == [[0, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 0]]
    assert find_ranks([1.0, 2.0, 2.1, 3.0], differs) == [1, 2, 2, 4]
    assert find_ranks([3.0, 2.1, 2.0, 1.0], differs[::-1, ::-1]) == [4, 2, 2, 1]
    assert find_ranks([], np.zeros((0, 0), dtype=bool)) == []


def test_fifty_models_can_differ_in_spite_of_the_correction(rng):
    """1,225 pairs need p below 4e-5, which 10,000 halves alone cannot show."""
    sizes = np.full(30, 1000)
    bits = (2 + np.arange(50)[:, None] + rng.normal(0, 0.01, (50, 30))) * sizes
    assert all(pair.differs for pair in compare(bits, as_units(sizes)))


@pytest.mark.parametrize(("models", "documents"), [(6, 20), (20, 100)])
def test_each_model_is_compared_with_each_other_one(rng, models, documents):
    pairs = compare(*draw(rng, models, documents))
    assert len({(pair.first, pair.second) for pair in pairs}) == math.comb(models, 2)
