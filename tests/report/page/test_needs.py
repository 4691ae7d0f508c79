import numpy as np
import pytest

from lmbench.report.page.needs import build_needs_table, build_open_table, draw_needs, list_open_pairs
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import cell, store_bits, text
from tests.report.page.conftest import NOISE, SIZES
from tests.storing import new_directory


@pytest.fixture
def rankings(tmp_path):
    """Return the ranking of a text of 4 kB on which two models hardly differ."""
    directory = new_directory(tmp_path / "run", (text("one", test_bytes=4000),))
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    store_bits(directory, cell("b", corpus="one"), 2.004 - NOISE, SIZES)
    return RankedRun.read(directory).rankings


def test_an_open_pair_needs_the_text_that_its_error_asks_for(rankings):
    """The jackknife's error of a mean is the standard deviation / √n; 80 % power at 5 % takes 2.80 errors."""
    [found] = list_open_pairs(rankings)
    differences = 2 * NOISE - 0.004
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    assert found.needed == pytest.approx(4000 * (2.8 * error / abs(differences.mean())) ** 2, rel=1e-3)
    [row] = build_open_table(rankings).rows
    assert row[:3] == ("one", *(["a", "b"] if differences.mean() < 0 else ["b", "a"]))


def test_what_is_needed_falls_with_the_square_of_the_difference(rankings):
    line, point = draw_needs(rankings).series
    small, large = line.x
    assert line.y[0] / line.y[1] == pytest.approx((large / small) ** 2)
    assert line.y[0] * (line.x[0] / point.x[0]) ** 2 == pytest.approx(point.y[0], rel=1e-6)


def test_the_table_has_a_row_for_each_corpus_with_numbers(results):
    assert [row[0] for row in build_needs_table(results.rankings).rows] == [
        ranking.corpus.name for ranking in results.rankings
    ]


def test_without_open_pairs_there_is_no_table(tmp_path):
    directory = new_directory(tmp_path / "run", (text("one"),))
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    rankings = RankedRun.read(directory).rankings
    assert build_open_table(rankings) is None
    assert draw_needs(rankings) is None
