"""The four accuracies of a choice, by hand and against a brute-force choice."""

import numpy as np
import pytest

from lmbench.tasks.choices import chance_of_choice, choice_requests, choose, credit, measure_choices
from lmbench.tasks.task import Continuation, Item, Likelihood

ITEM = Item("1", "Q:", ("yes indeed", "no", "是"), 1)


def respond(given, alone, events=(2, 1, 1)):
    return [
        Likelihood(logprob, count) for values in (given, alone) for logprob, count in zip(values, events, strict=True)
    ]


def test_each_answer_is_asked_with_and_without_the_context():
    asked = choice_requests("Q:", [" a", " b"])
    assert asked == tuple(Continuation(context, text) for context in ("Q:", "") for text in (" a", " b"))
    assert choice_requests("", [" a", " b"]) == (Continuation("", " a"), Continuation("", " b"))


def test_the_four_rules_can_choose_four_ways():
    """By hand: sums -6, -4, -4.5; per byte -0.6, -2, -1.5; per event -3, -4, -4.5; gains -4, 1, 0.5."""
    measured = measure_choices(ITEM, respond((-6, -4, -4.5), (-2, -5, -5)))
    assert measured == {"accuracy": 1, "accuracy_bytes": 0, "accuracy_tokens": 0, "accuracy_gain": 1}


def test_ties_share_the_credit():
    measured = measure_choices(ITEM, respond((-4, -4, -9), (-4, -4, -9)))
    assert measured["accuracy"] == 1 / 2
    assert measured["accuracy_gain"] == 1 / 3
    assert credit([-1.0, -1.0 - 1e-12], 1) == 1 / 2
    assert credit([-1.0, -1.0 - 1e-6], 1) == 0


def test_without_a_context_nothing_is_gained():
    item = Item("1", "", ("a", "b"), 0)
    assert measure_choices(item, [Likelihood(-1, 1), Likelihood(-2, 1)])["accuracy_gain"] is None


def test_without_choices_nothing_is_chosen():
    item = Item("1", "Q", references=("a",))
    assert set(measure_choices(item, []).values()) == {None}
    assert choose(item, []) is None
    assert chance_of_choice(item) == {}


def test_a_guess_is_right_as_often_as_there_are_choices():
    assert chance_of_choice(ITEM) == dict.fromkeys(
        ("accuracy", "accuracy_bytes", "accuracy_tokens", "accuracy_gain"), pytest.approx(1 / 3)
    )


def test_random_items_are_measured_as_argmax_measures_them():
    rng = np.random.default_rng(0)
    for gold in rng.integers(0, 3, 200).tolist():
        item = Item("1", "Q", ITEM.choices, gold)
        given, alone, events = rng.normal(-9, 3, 3), rng.normal(-9, 3, 3), rng.integers(1, 5, 3)
        sizes = np.array([10, 2, 3])  # UTF-8 bytes
        rules = {
            "accuracy": given,
            "accuracy_bytes": given / sizes,
            "accuracy_tokens": given / events,
            "accuracy_gain": given - alone,
        }
        responses = respond(given.tolist(), alone.tolist(), events.tolist())
        assert measure_choices(item, responses) == {name: int(np.argmax(v)) == gold for name, v in rules.items()}
        assert choose(item, responses) == np.argmax(given)
