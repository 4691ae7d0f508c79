import string

import numpy as np
import pytest

from lmbench.statistics import find_letters


def differing(models, pairs):
    matrix = np.zeros((models, models), dtype=bool)
    for first, second in pairs:
        matrix[first, second] = matrix[second, first] = True
    return matrix


def groups_of(letters):
    return {name: {model for model, names in enumerate(letters) if name in names} for name in set("".join(letters))}


@pytest.mark.parametrize("seed", range(200))
def test_models_share_a_letter_if_and_only_if_they_do_not_differ(seed):
    rng = np.random.default_rng(seed)
    models = int(rng.integers(1, 9))
    differs = np.triu(rng.random((models, models)) < rng.random(), 1)
    differs |= differs.T
    letters = find_letters(differs)
    shares = np.array([[bool(set(one) & set(other)) for other in letters] for one in letters])
    assert (shares == ~differs).all()
    groups = list(groups_of(letters).values())
    assert not any(group < other for group in groups for other in groups)
    assert len(groups) == len({frozenset(group) for group in groups})
    assert sorted(set("".join(letters))) == list(string.ascii_letters[: len(groups)])


@pytest.mark.parametrize(
    ("models", "pairs", "letters"),
    [(3, [(1, 2)], ("ab", "a", "b")), (4, [(0, 2), (1, 2)], ("a", "a", "b", "ab"))],
    ids=["multcompLetters, dif3", "multcompTs, dif4"],
)
def test_the_examples_of_rs_multcompview(models, pairs, letters):
    assert find_letters(differing(models, pairs)) == letters


def test_the_best_models_have_the_first_letters():
    """Of eight models, ppm (5) differs neither from ngram (4) nor from transformer (6), which differ."""
    tied = {(4, 5), (5, 6)}
    pairs = [(one, other) for other in range(8) for one in range(other) if (one, other) not in tied]
    assert find_letters(differing(8, pairs)) == ("a", "b", "c", "d", "e", "ef", "f", "g")


def test_more_than_52_groups_have_numbers():
    letters = find_letters(~np.eye(54, dtype=bool))
    assert letters[:3] + letters[50:] == ("a", "b", "c", "Y", "Z", "(53)", "(54)")


def test_fifty_models_with_noisy_differences_have_letters():
    rng = np.random.default_rng(0)
    distance = np.abs(np.subtract.outer(np.arange(50), np.arange(50))) + rng.normal(0, 3, (50, 50))
    differs = np.triu(distance > 8, 1)
    assert all(find_letters(differs | differs.T))


def test_differences_without_any_order_get_no_letters():
    differs = np.triu(np.random.default_rng(1).random((50, 50)) < 0.5, 1)
    assert find_letters(differs | differs.T) == ("",) * 50
