import numpy as np
import pytest

from lmbench import Score
from lmbench.errors import ScoreError
from lmbench.score import clip_rounding, probability_violation, shape_violation, tiling_violation


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
        (Score(np.zeros((1, 1), int), np.zeros((1, 1)), np.zeros((1, 1))), "differ"),
    ],
)
def test_scores_that_break_the_contract_are_refused(given, message):
    with pytest.raises(ScoreError, match=message):
        given.check("aé")


def test_scores_that_keep_the_contract_are_returned():
    assert score([1, 3], [-1, -1], [0, -0.5]).check("aé")
    assert score([], []).check("")
    assert Score(np.array([2, 2]), np.array([-1.0, -1.0]), np.zeros(2)).check("é")  # an event may have no bytes


def test_each_violation_is_reported_by_its_function():
    backwards, positive, crooked = score([2, 1, 3], [-1, -1, -1]), score([1, 3], [0.1, -1]), score([1, 3], [-1])
    assert tiling_violation(backwards, "aé") == "event 1 ends before the previous event"
    assert probability_violation(backwards, "aé") == ""
    assert probability_violation(positive, "aé").startswith("event 0 ('a', byte 0), log-probability 0.1, is above 0")
    assert tiling_violation(positive, "aé") == ""
    assert shape_violation(crooked) == "ends (2,), logprobs (1,) and spelling (1,) differ"


def test_only_rounding_errors_are_clipped():
    assert clip_rounding(np.array([-1.0, 1e-7, 0.0, 1e-4])).tolist() == [-1.0, 0.0, 0.0, 1e-4]
