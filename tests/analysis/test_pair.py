import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import permutation_test

from tests.analysis.crafted import NOISE, SIZES, add, compare_two, model_record, new_run


def test_the_difference_is_that_of_the_documents(run):
    """By hand, from the files."""
    [pair] = compare_two(run).pairs
    tables = [pq.read_table(run.path / f"cells/{name}-on-c/documents.parquet").to_pydict() for name in "ab"]
    first, second = (sum(table["bits"]) / sum(table["bytes"]) for table in tables)
    less = [one < other for one, other in zip(tables[0]["bits"], tables[1]["bits"], strict=True)]
    assert pair.model_rate == pytest.approx(first)
    assert pair.baseline_rate == pytest.approx(second)
    assert pair.comparison.difference.value == pytest.approx(first - second)
    assert pair.relative == pytest.approx((first - second) / second)
    assert (pair.comparison.wins, pair.comparison.losses) == (sum(less), len(less) - sum(less))


def test_p_is_that_of_scipys_permutation_test(run):
    """Documents of equal length, so that a ratio of sums is a mean."""
    [pair] = compare_two(run).pairs
    bits = (200 + NOISE - 3, 200 - NOISE)
    expected = permutation_test(
        bits, lambda one, other, axis: np.mean(one - other, axis=axis), permutation_type="samples", vectorized=True
    )
    assert pair.comparison.difference.p == pytest.approx(expected.pvalue)
    assert pair.comparison.adjusted_p == pair.comparison.difference.p


def test_a_model_compared_with_itself_is_the_same(run):
    [pair] = compare_two(run, "a", "a").pairs
    difference = pair.comparison.difference
    assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)
    assert (pair.comparison.wins, pair.comparison.losses, pair.relative, pair.verdict) == (0, 0, 0, "same")


def test_the_other_way_round_everything_has_the_other_sign(run):
    [pair], [back] = compare_two(run).pairs, compare_two(run, "b", "a").pairs
    assert back.comparison.difference.value == -pair.comparison.difference.value
    assert (back.comparison.difference.low, back.comparison.difference.p) == (
        pytest.approx(-pair.comparison.difference.high),
        pair.comparison.difference.p,
    )
    assert (back.comparison.wins, back.comparison.losses) == (pair.comparison.losses, pair.comparison.wins)


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [
        (200 + NOISE - 5, "better"),
        (200 + NOISE + 5, "worse"),
        (200 + NOISE + 0.01, "equal"),
        (200 - NOISE, "not shown"),
        (200 + NOISE, "same"),
        ((200 + NOISE) * (1 + 1e-12), "same"),
    ],
)
def test_verdicts(tmp_path, bits, verdict):
    directory = new_run(tmp_path / "run")
    add(directory, "a", bits)
    add(directory, "b", 200 + NOISE)
    [pair] = compare_two(directory).pairs
    assert pair.verdict == verdict


def test_the_margin_decides_what_is_equal(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "a", 200 + NOISE - 5)
    add(directory, "b", 200 + NOISE)
    assert compare_two(directory, margin=0.06).pairs[0].verdict == "equal"
    assert compare_two(directory, margin=0.04).pairs[0].verdict == "better"


def test_few_documents_get_no_verdict(tmp_path):
    """Twelve documents, of which one is longer, count as 9.8. The difference is beyond doubt."""
    directory, sizes = new_run(tmp_path / "run"), np.array([300, *[100] * 11])
    add(directory, "a", 2.0 * sizes, sizes)
    add(directory, "b", 3.0 * sizes + 10 * NOISE, sizes)
    [pair] = compare_two(directory).pairs
    assert pair.verdict == "too few"
    assert pair.comparison.difference.high < 0


def test_the_text_that_is_needed_shows_the_difference(run):
    """A text of this size has a standard error by which the difference is 2.80 times as large."""
    [pair] = compare_two(run).pairs
    assert pair.verdict == "not shown"
    error = pair.comparison.difference.error * np.sqrt(SIZES.sum() / pair.bytes_needed)
    assert abs(pair.comparison.difference.value) == pytest.approx(2.80 * error)
    [pair] = compare_two(run, margin=0.5).pairs
    assert pair.sought == 0.5


def test_a_model_of_several_seeds_compared_with_itself_is_the_same(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        add(directory, f"a:seed={seed}", 200 + seed * NOISE, model=model_record(f"a:seed={seed}", {"seed": seed}))
    [pair] = compare_two(directory, "a", "a").pairs
    difference = pair.comparison.difference
    assert (pair.verdict, difference.value, difference.low, difference.high, difference.p) == ("same", 0, 0, 0, 1)
