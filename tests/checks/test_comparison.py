"""Scores that must be equal may differ by rounding, but not in one direction."""

import math

import numpy as np
import pytest

from lmbench import NextEvents, Score
from lmbench.checks import CheckFailedError
from lmbench.checks.comparison import mean_tolerance, require_same, tolerance_of
from lmbench.checks.events import Comparison, Event, difference_from_entry, require_agreement
from lmbench.checks.reading import require_own_distribution
from tests.mutants import Bigram


def score(logprobs, spelling=0.0):
    logprobs = np.array(logprobs, dtype=float)
    return Score(np.arange(1, len(logprobs) + 1), logprobs, np.full(len(logprobs), spelling))


def with_tolerance(declared):
    return type("Declares", (Bigram,), {"score_tolerance": declared})()


@pytest.mark.parametrize("declared", [0.2501, 1e9, -1e-4, float("nan"), "0.1", None, 1j])
def test_a_tolerance_that_rounding_does_not_explain_is_refused(declared):
    with pytest.raises(CheckFailedError, match="score_tolerance is"):
        tolerance_of(with_tolerance(declared))


@pytest.mark.parametrize("declared", [0, 1e-4, 0.25, np.float64(0.1), np.float32(0.125)])
def test_tolerances_up_to_that_of_bfloat16_are_accepted(declared):
    assert tolerance_of(with_tolerance(declared)) == declared


def test_the_mean_of_many_events_may_differ_by_less():
    assert mean_tolerance(0.25, 1) == 0.25
    assert mean_tolerance(0.25, 100) == pytest.approx(0.025)
    assert mean_tolerance(1e-4, 10**6) == 1e-5
    assert mean_tolerance(0.0, 100) == 0.0


def test_errors_of_both_signs_are_rounding_and_errors_of_one_sign_are_not():
    signs = np.array([1, -1] * 50)
    assert require_same(score(-3 + 0.2 * signs), score([-3] * 100), 0.25, "a") == pytest.approx(0.2)
    with pytest.raises(CheckFailedError, match=r"a: 100 events differ by 0\.200000 nats in the mean"):
        require_same(score([-2.8] * 100), score([-3] * 100), 0.25, "a")


@pytest.mark.parametrize(("bias", "is_rounding"), [(0.009, True), (0.02, False)])
def test_a_small_bias_of_a_small_spread_is_not_rounding(bias, is_rounding):
    """The tolerance allows 0.25 nats an event. Differences of one size and sign are no rounding errors."""
    biased = score(np.full(40, -3 + bias))
    if is_rounding:
        assert require_same(biased, score([-3] * 40), 0.25, "a") == pytest.approx(bias)
    else:
        with pytest.raises(CheckFailedError, match=r"a: 40 events differ by 0\.020000 nats in the mean"):
            require_same(biased, score([-3] * 40), 0.25, "a")


def test_the_rounding_of_bfloat16_passes():
    """Logits of about 20 are rounded to multiples of 1/8, which errs by up to 1/16 in either direction."""
    generator = np.random.default_rng(0)
    for _ in range(300):
        errors = generator.uniform(-1 / 16, 1 / 16, size=generator.integers(1, 200))
        require_same(score(-3 + errors), score(np.full(len(errors), -3.0)), 0.25, "a")


def test_most_events_must_be_comparable():
    made, excused = Comparison(0.0, 1.0), Comparison(None, 1.0)
    require_agreement([made, made, excused, None, None], 1e-4)
    require_agreement([], 1e-4)
    with pytest.raises(CheckFailedError, match="2 of 3 events cannot be compared with a distribution"):
        require_agreement([made, excused, excused], 1e-4)


def test_the_first_event_that_differs_is_named():
    with pytest.raises(CheckFailedError, match=r"a: event 1 \(to byte 2\) is scored -2\.000000 and -1\.000000"):
        require_same(score([-1, -2]), score([-1, -1]), 0.1, "a")
    with pytest.raises(CheckFailedError, match=r"event 0 .* is charged for its spelling -0\.500000"):
        require_same(score([-1], spelling=-0.5), score([-1]), 0.1, "a")
    with pytest.raises(CheckFailedError, match="a: the events differ"):
        require_same(score([-1]), score([-1, -1]), 0.1, "a")


def test_a_shift_within_the_tolerance_is_caught():
    class Shifted(Bigram):
        score_tolerance = 0.25

        def costs(self, document):
            return np.minimum(super().costs(document) + 0.2, 0.0)

    model = Shifted()
    model.prepare(with_text("the cat sat\n" * 20))
    with pytest.raises(CheckFailedError, match="nats in the mean, which is not rounding"):
        require_own_distribution(model, "the cat sat on the mat\n")


def with_text(text):
    from lmbench import Split, TrainingText

    return TrainingText(Split((text,)), Split((text,)), tokenized=True)


HALVES = np.log([0.25, 0.5, 0.25])


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (Event(b"", b"a", HALVES[0]), 0),
        (Event(b"", b" b", HALVES[1]), 1),
        (Event(b"", b"q", -1.4, -3.0), 2),
    ],
)
def test_an_event_is_matched_by_its_spelling_its_name_or_as_unknown(event, entry):
    spelled = NextEvents(("a", "b", "<unk>"), HALVES, (b"a", b" b", None))
    named = NextEvents(("a", "b", "<unk>"), HALVES)
    for nexts in (spelled, named):
        assert difference_from_entry(nexts, event, 0.1) == pytest.approx(event.logprob - HALVES[entry])


@pytest.mark.parametrize(
    ("spelling", "name"), [(b" cat", "Ġcat"), (b" \xe6", "Ġæ"), ("é".encode(), "Ã©"), ("é".encode(), "é"), (b"\n", "Ċ")]
)
def test_names_may_be_in_the_notation_of_gpt2(spelling, name):
    nexts = NextEvents(("a", name), np.log([0.25, 0.75]))
    assert difference_from_entry(nexts, Event(b"", spelling, math.log(0.75)), 0.1) == pytest.approx(0)


@pytest.mark.parametrize("spelled", [(), (b"a", b" b", b"c")])
@pytest.mark.parametrize("spelling", [0.0, -3.0])
def test_an_event_without_an_entry_is_an_error(spelled, spelling):
    nexts = NextEvents(("a", "b", "c"), HALVES, spelled)
    with pytest.raises(CheckFailedError, match="but its distribution does not have"):
        difference_from_entry(nexts, Event(b"x", b"A", float(HALVES[0]), spelling), 0.1)
