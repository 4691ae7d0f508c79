import numpy as np
import pytest

from lmbench import Score
from lmbench.errors import ScoreError
from lmbench.score import (
    checked_scores,
    clip_rounding,
    join_groups,
    plain_scores,
    probability_violation,
    shape_violation,
    tiling_violation,
)


class Subclass(Score):
    """A score that may compute its attributes."""


def score(ends, logprobs, spelling=None):
    zeros = np.zeros(len(logprobs))
    return Score(np.array(ends), np.array(logprobs, dtype=float), zeros if spelling is None else np.array(spelling))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (score([1, 2], [-1, -1]), "end at byte 2 of a document of 3 bytes"),
        (score([], []), "end at byte 0 of a document of 3 bytes"),
        (score([2, 1, 3], [-1, -1, -1]), "event 1 ends before"),
        (score([1, 3], [-1, float("-inf")]), r"event 1 \('é', byte 1\).* is not finite"),
        (score([1, 3], [-1, float("nan")]), "not finite"),
        (score([1, 3], [0.1, -1]), "above 0"),
        (score([1, 3], [-1, -1], [-2.0, 0]), "spelling cost outside"),
        (score([1, 3], [-1, -1], [0.5, 0]), "spelling cost outside"),
        (score([1, 3], [-1]), "differ"),
        (
            Score(np.zeros((1, 1), int), np.zeros((1, 1)), np.zeros((1, 1))),
            r"ends has the shape \(1, 1\); it must have one",
        ),
        (score([1, 3.5], [-1, -1]), "event 1 ends at byte 3.5, which is not a whole number"),
        (score([float("nan"), 3], [-1, -1]), "event 0 ends at byte nan, which is not a whole number"),
        (score([1, 1e300], [-1, -1]), "event 1 ends at byte 1e[+]300, which is not a whole number"),
        (Score([1, 3], np.zeros(2), np.zeros(2)), "ends is a list; it must be a NumPy array"),
        (Score(np.array([1, 3]), None, np.zeros(2)), "logprobs is None; it must be a NumPy array"),
        (Score(np.array([1, 3]), np.ma.zeros(2), np.zeros(2)), "logprobs is a MaskedArray; it must be a NumPy array"),
        (
            Score(np.array([1, 3]), np.zeros(2, complex), np.zeros(2)),
            "logprobs has the dtype complex128; it must hold real",
        ),
        (Score(np.array([1, 3]), np.zeros(2), np.zeros(2, object)), "spelling has the dtype object; it must hold real"),
        (Score(np.array([True, True]), np.zeros(2), np.zeros(2)), "ends has the dtype bool; it must hold real numbers"),
        (score([1, 3], [-1e308, -1e308]), "the log-probabilities add up to -inf, which is not finite"),
    ],
)
def test_scores_that_break_the_contract_are_refused(given, message):
    with pytest.raises(ScoreError, match=message):
        given.check("aé")


def test_scores_that_keep_the_contract_are_returned():
    assert score([1, 3], [-1, -1], [0, -0.5]).check("aé")
    assert score([], []).check("")
    assert Score(np.array([2, 2]), np.array([-1.0, -1.0]), np.zeros(2)).check("é")  # an event may have no bytes


def test_numbers_of_other_precision_are_widened():
    given = Score(np.array([1.0, 3.0]), np.array([-1, -2], dtype=np.float32), np.array([0, 0], dtype=np.int8))
    checked = given.check("aé")
    assert (checked.ends.dtype, checked.logprobs.dtype, checked.spelling.dtype) == (np.int64, np.float64, np.float64)
    assert (checked.ends.tolist(), checked.logprobs.tolist()) == ([1, 3], [-1, -2])


def test_a_checked_score_is_a_copy():
    given = score([1, 3], [-1, -1])
    checked = given.check("aé")
    given.logprobs[:] = 1
    assert checked.logprobs.tolist() == [-1, -1]


def test_plain_scores_are_copies_even_of_the_right_types():
    given = score([1, 3], [-1, -1], [0, -0.5])
    [plain] = plain_scores((given,), ("aé",))
    for name in ("ends", "logprobs", "spelling"):
        assert not np.shares_memory(getattr(plain, name), getattr(given, name))
        assert getattr(plain, name).tolist() == getattr(given, name).tolist()


def test_scores_are_joined_in_groups_of_many_characters(monkeypatch):
    monkeypatch.setattr("lmbench.score._GROUP_CHARACTERS", 3)
    scores = [score([1], [-1]), score([2], [-2]), score([], []), score([2, 4], [-3, -4])]
    first, second = join_groups(scores, ["a", "bb", "", "cccc"], range(4))
    assert (first.events.tolist(), first.ends.tolist(), first.logprobs.tolist()) == ([1, 1], [1, 2], [-1, -2])
    assert (second.events.tolist(), second.borders.tolist(), second.ends.tolist()) == ([0, 2], [0, 0, 2], [2, 4])
    assert second.score(0, 2).logprobs.tolist() == [-3, -4]


def test_joined_scores_are_copies():
    given = score([1], [-1])
    [joined] = join_groups([given], ["a"], [0])
    given.logprobs[:] = 0
    assert joined.logprobs.tolist() == [-1]


def test_errors_of_groups_name_the_documents(monkeypatch):
    """The numbers are those of a split in any order."""
    monkeypatch.setattr("lmbench.score._GROUP_CHARACTERS", 1)
    wrong = Score(np.array([1]), np.zeros(1, complex), np.zeros(1))
    with pytest.raises(ScoreError, match="document 3: logprobs has the dtype complex128"):
        list(join_groups([score([1], [-1]), wrong], ["a", "b"], (8, 3)))
    with pytest.raises(ScoreError, match="document 3: score returned None instead"):
        list(join_groups([score([1], [-1]), None], ["a", "b"], (8, 3)))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "score returned None; it must return a list of Score, one for each document"),
        ({"a": 1}, "score returned a dict; it must"),
        ((score([1, 3], [-1, -1]) for _ in range(2)), "score returned a generator; it must"),
        ([score([1, 3], [-1, -1])], "1 scores for 2 documents"),
        ([score([1, 3], [-1, -1]), np.zeros(3)], "document 1: score returned a ndarray instead of a Score"),
        ([score([1, 3], [-1, -1]), score([3], [1])], "document 1: event 0 .* is above 0"),
        (
            [score([1, 3], [-1, -1]), Subclass(np.array([3]), np.zeros(1), np.zeros(1))],
            "document 1: score returned a Subclass instead of a Score, of which it is a subclass",
        ),
    ],
)
def test_other_values_than_scores_are_refused(returned, message):
    with pytest.raises(ScoreError, match=message):
        checked_scores(returned, ["aé", "é1"])


def test_each_violation_is_reported_by_its_function():
    backwards, positive, crooked = score([2, 1, 3], [-1, -1, -1]), score([1, 3], [0.1, -1]), score([1, 3], [-1])
    assert tiling_violation(backwards, "aé") == "event 1 ends before the previous event"
    assert probability_violation(backwards, "aé") == ""
    assert probability_violation(positive, "aé").startswith("event 0 ('a', byte 0), log-probability 0.1, is above 0")
    assert tiling_violation(positive, "aé") == ""
    assert shape_violation(crooked) == "ends (2,), logprobs (1,) and spelling (1,) differ"


def test_only_rounding_errors_are_clipped():
    assert clip_rounding(np.array([-1.0, 1e-7, 0.0, 1e-4])).tolist() == [-1.0, 0.0, 0.0, 1e-4]


def test_the_representation_counts_events_and_bits():
    assert repr(score([1, 3], [-np.log(2), -np.log(4)])) == "Score(2 events, 3 bytes, 3.00 bits)"
    spelled = Score(np.array([3]), np.array([-4 * np.log(2)]), np.array([-np.log(2)]))
    assert repr(spelled) == "Score(1 event, 3 bytes, 4.00 bits, 1.00 of them for spelling)"
    assert repr(score([], [])) == "Score(0 events, 0 bytes, 0.00 bits)"


def test_the_representation_of_what_is_not_a_score_says_of_what_it_is_made():
    assert repr(Score([1], None, np.zeros((2, 1)))) == "Score(a list, None, float64 (2, 1))"
