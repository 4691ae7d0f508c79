"""The documents of an audit are drawn by size, and the last one is always among them."""

import numpy as np
import pytest

from lmbench.checks.sample import choose_documents


def test_a_seed_repeats_the_choice_and_another_one_changes_it():
    sizes = [1000] * 500
    assert choose_documents(sizes, "a") == choose_documents(sizes, "a")
    assert choose_documents(sizes, "a") != choose_documents(sizes, "b")


def test_large_documents_are_drawn_more_often():
    sizes = [100] * 60 + [3000] * 2 + [100]
    chosen = np.concatenate([choose_documents(sizes, str(seed)) for seed in range(100)])
    assert np.count_nonzero(np.isin(chosen, (60, 61))) > 150  # 19 in a uniform draw
    assert np.count_nonzero(chosen == 62) == 100


@pytest.mark.parametrize(
    ("sizes", "number"),
    [([], 0), ([0], 1), ([5], 1), ([5, 0], 2), ([9000] * 20, 7), ([2000] * 20, 7), ([300] * 90, 21), ([9] * 900, 51)],
)
def test_six_documents_and_the_last_or_more_if_they_are_small(sizes, number):
    chosen = choose_documents(sizes, "0")
    assert number - 1 <= len(chosen) <= number  # the last one may have been drawn as well
    assert list(chosen) == sorted(set(chosen))
    assert not sizes or chosen[-1] == len(sizes) - 1
    assert all(sizes[i] for i in chosen[:-1])
