import tracemalloc

import numpy as np
import pytest

from lmbench.statistics import Units

PERSISTENCE = 0.8


@pytest.fixture
def rng():
    return np.random.default_rng(161)


def choose(bits, sizes, lines=None):
    sizes = np.asarray(sizes)
    return Units.choose(np.atleast_2d(bits), sizes, np.ones_like(sizes) if lines is None else np.asarray(lines))


def draw_ar1(rng, documents, persistence, sizes=100):
    """Return bits whose deviations from 2 bits per byte follow an autoregression of order 1."""
    noise, deviations = rng.normal(0, 10, documents), np.zeros(documents)
    for place in range(1, documents):
        deviations[place] = persistence * deviations[place - 1] + noise[place]
    return 2 * sizes + deviations


def inflate_ar1(block, persistence):
    """Return the variance of the sum of a block over that of so many independent documents."""
    lags = np.arange(1, block)
    return 1 + 2 * ((1 - lags / block) * persistence**lags).sum()


def test_the_inflation_of_an_autoregression_is_that_of_its_formula(rng):
    """The largest blocks have 200 of 10,000 documents, so their factor is (1 + 0.8) / (1 − 0.8) = 9, less 2 %.

    Those that are resampled have 500.
    """
    units = choose(draw_ar1(rng, 10_000, PERSISTENCE), np.full(10_000, 100))
    found = {inflation.documents: inflation.factor for inflation in units.inflation}
    assert list(found) == [1, 2, 5, 10, 20, 50, 100, 200]
    for block in (1, 2, 5, 10, 20):
        assert found[block] == pytest.approx(inflate_ar1(block, PERSISTENCE), rel=0.12)
    assert found[200] == pytest.approx(9, rel=0.5)
    assert units.are_blocks
    assert units.starts.tolist() == list(range(0, 10_000, 500))
    assert units.effective == 20


def test_independent_documents_are_units(rng):
    sizes = rng.integers(20, 200, 3000)
    units = choose(rng.normal(2, 0.3, (5, 3000)) * sizes, sizes)
    assert not units.are_blocks
    assert units.starts.tolist() == list(range(3000))
    assert all(0.5 < inflation.factor < 1.6 for inflation in units.inflation)
    assert units.effective == pytest.approx(sizes.sum() ** 2 / (sizes**2.0).sum())


def test_blocks_are_used_by_chance_in_few_texts_of_independent_documents(rng):
    used = 0
    for _ in range(300):
        sizes = rng.integers(20, 200, 1000)
        used += choose(rng.normal(2, 0.3, 1000) * sizes, sizes).are_blocks
    assert used <= 3


def test_blocks_have_at_least_50_lines_and_a_twentieth_of_the_bytes(rng):
    sizes = rng.integers(1, 300, 3000)
    lines = rng.integers(0, 4, 3000)
    units = choose(draw_ar1(rng, 3000, 0.9, sizes), sizes, lines)
    assert units.are_blocks
    assert (units.sizes >= sizes.sum() / 20).all()
    assert (units.sum(np.maximum(lines, 1)) >= 50).all()
    assert units.sizes.sum() == sizes.sum()
    assert len(units.starts) >= 16


def test_documents_without_a_line_end_count_as_one_line(rng):
    sizes = np.full(3000, 100)
    bits = draw_ar1(rng, 3000, 0.9, sizes)
    assert choose(bits, sizes, 0 * sizes).starts.tolist() == choose(bits, sizes).starts.tolist()
    assert choose(bits, sizes).are_blocks


def test_fewer_than_ten_blocks_are_not_considered(rng):
    """450 documents of one line each are nine blocks of 50 lines."""
    units = choose(draw_ar1(rng, 450, 0.9), np.full(450, 100))
    assert (units.inflation, units.are_blocks, len(units.starts)) == ((), False, 450)


def test_documents_of_many_lines_are_their_own_blocks(rng):
    units = choose(draw_ar1(rng, 40, 0.9), np.full(40, 100), np.full(40, 60))
    assert (units.inflation, units.are_blocks, len(units.starts)) == ((), False, 40)


def test_the_median_model_decides(rng):
    """Of three models, two have dependent documents."""
    sizes = np.full(5000, 100)
    independent = 200 + rng.normal(0, 10, 5000)
    dependent = [draw_ar1(rng, 5000, PERSISTENCE) for _ in range(2)]
    assert choose([independent, *dependent], sizes).are_blocks
    assert not choose([independent, independent[::-1], dependent[0]], sizes).are_blocks


def test_models_that_charge_every_byte_the_same_do_not_count(rng):
    sizes = rng.integers(50, 150, 5000)
    varying = draw_ar1(rng, 5000, PERSISTENCE, sizes)
    constant = 8.0 * sizes
    assert choose([constant, constant, varying], sizes).are_blocks
    assert choose(constant, sizes).inflation == ()


@pytest.mark.parametrize(
    ("sizes", "effective", "dominant"),
    [
        ([10], 1, (0,)),
        ([10, 10, 10, 10], 4, ()),
        ([1, 3, 1, 1], 3, (1,)),
        ([0, 30, 0, 31, 5], 66**2 / (900 + 961 + 25), (1, 3)),
    ],
)
def test_the_effective_number_of_documents_by_hand(sizes, effective, dominant):
    units = choose(2.0 * np.array(sizes), sizes)
    assert units.effective == pytest.approx(effective)
    assert units.dominant == dominant
    assert units.documents == len(units.starts) == len(sizes)


def test_sums_over_units():
    units = Units(starts=np.array([0, 2]), sizes=np.array([5.0, 4.0]), documents=3)
    assert units.sum(np.array([[1, 2, 4], [0, 0, 7]], dtype=np.uint8)).tolist() == [[3, 4], [0, 7]]


def test_a_million_documents_are_joined_to_10_000_units(rng):
    sizes, lines = np.tile(rng.integers(0, 200, 1000), 1000), np.ones(1_000_000, dtype=np.int64)
    bits = np.tile(rng.normal(2, 0.2, (3, 1000)), 1000) * sizes
    units = Units.choose(bits, sizes, lines)
    assert len(units.starts) == 10_000
    assert units.sizes.sum() == sizes.sum()


def test_memory_does_not_grow_with_models(rng):
    """Beside the bits themselves, 50 models need no more than a few arrays with one number for each document."""
    sizes = rng.integers(1, 200, 20_000)
    bits = rng.normal(2, 0.2, (50, 20_000)) * sizes
    tracemalloc.start()
    Units.choose(bits, sizes, np.ones(20_000, dtype=np.int64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 8 * 20_000
