import numpy as np
import pytest
from scipy import stats

from lmbench.statistics import estimate_sums
from lmbench.statistics.power import REACH, find_bytes_needed, find_detectable

DOCUMENTS = 60
SPREAD = 0.1
"""Standard deviation of the differences of documents, in bits per byte."""


def simulate(difference, documents, texts=400):
    """Return the share of texts of equal documents that show a true difference, and its standard error on each."""
    rates = np.random.default_rng(0).normal(difference, SPREAD, (texts, documents))
    estimates = estimate_sums(1000 * rates, np.full(documents, 1000.0))
    return np.mean([estimate.p < 0.05 for estimate in estimates]), [estimate.error for estimate in estimates]


def test_the_reach_is_that_of_the_normal_distribution():
    reach = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    assert reach == pytest.approx(REACH, abs=0.005)


def test_the_detectable_difference_is_found_in_four_of_five_texts():
    difference = find_detectable(SPREAD / np.sqrt(DOCUMENTS))
    share, errors = simulate(difference, DOCUMENTS)
    assert 0.74 < share < 0.86
    assert np.mean([find_detectable(error) for error in errors]) == pytest.approx(difference, rel=0.02)


def test_the_bytes_needed_show_the_difference_in_four_of_five_texts():
    """Half of the difference that a text can show needs a text four times as long."""
    difference = find_detectable(SPREAD / np.sqrt(DOCUMENTS)) / 2
    _, errors = simulate(difference, DOCUMENTS)
    needed = np.mean([find_bytes_needed(1000 * DOCUMENTS, error, difference) for error in errors])
    assert needed == pytest.approx(4 * 1000 * DOCUMENTS, rel=0.06)
    share, _ = simulate(difference, round(needed / 1000))
    assert 0.74 < share < 0.86


def test_bytes_needed_by_hand():
    assert find_bytes_needed(1000, 0.01, 0.056) == pytest.approx(250)
    assert find_bytes_needed(1000, 0.01, find_detectable(0.01)) == pytest.approx(1000)
