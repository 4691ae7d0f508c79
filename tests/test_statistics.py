import numpy as np
import pytest
from scipy.stats import bootstrap

from lmbench.statistics import ratio_interval


def test_the_interval_has_its_nominal_coverage():
    """About 95 % of the intervals of 200 samples of 60 documents contain the true ratio."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        sizes = rng.integers(20, 200, size=60)
        bits = sizes * rng.normal(2.0, 0.5, size=60)
        low, high = ratio_interval(bits, sizes)
        covered += low <= 2.0 <= high
    assert 180 <= covered <= 198


def test_the_interval_agrees_with_the_delta_method():
    """With many documents it is the ratio plus or minus 1.96 standard errors of the linearized ratio."""
    rng = np.random.default_rng(2)
    sizes = rng.integers(20, 200, size=2000)
    bits = sizes * rng.normal(2.0, 0.5, size=2000)
    ratio = bits.sum() / sizes.sum()
    error = np.sqrt(((bits - ratio * sizes) ** 2).sum()) / sizes.sum()
    assert ratio_interval(bits, sizes) == pytest.approx((ratio - 1.96 * error, ratio + 1.96 * error), abs=0.2 * error)


@pytest.mark.parametrize("documents", [2, 60, 5000])
def test_the_interval_is_the_percentile_bootstrap_of_scipy(documents):
    """Both use the same seed. The package does not depend on scipy here because importing it takes a second."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(20, 200, size=documents)
    bits = sizes * rng.normal(2.0, 0.5, size=documents)
    result = bootstrap(
        (bits, sizes),
        lambda above, below, axis: above.sum(axis=axis) / below.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=2000,
        batch=max(1, 2**22 // documents),
        method="percentile",
        rng=np.random.default_rng(0),
    )
    expected = (result.confidence_interval.low, result.confidence_interval.high)
    assert ratio_interval(bits, sizes) == pytest.approx(expected, rel=1e-12)


def test_the_interval_is_reproducible():
    bits, sizes = np.array([1.0, 5.0, 2.0]), np.array([1, 2, 3])
    assert ratio_interval(bits, sizes) == ratio_interval(bits, sizes)


def test_one_document_has_no_interval():
    assert ratio_interval(np.array([1.0]), np.array([1])) is None
    assert ratio_interval(np.array([1.0, 0.0]), np.array([1, 0])) is None


def test_many_documents_are_resampled_in_groups(monkeypatch):
    rng = np.random.default_rng(3)
    sizes = rng.integers(20, 200, size=50_000)
    bits = sizes * rng.normal(2.0, 0.5, size=50_000)
    low, high = ratio_interval(bits, sizes)
    monkeypatch.setattr("lmbench.statistics._MAX_GROUPS", 50_000)
    ungrouped = ratio_interval(bits, sizes)
    assert (low, high) != ungrouped
    assert (low, high) == pytest.approx(ungrouped, abs=0.15 * (high - low))
