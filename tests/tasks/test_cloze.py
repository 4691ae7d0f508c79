import math

import pytest

from lmbench.tasks.cloze import Cloze, begins_with
from lmbench.tasks.task import Completion, Continuation, Item
from tests.tasks.answers import answer

ITEM = Item("1", "the cat sat on the", references=("mat",))
TASK = Cloze("cloze", (ITEM,))


def test_the_last_word_is_scored_and_written():
    assert TASK.requests(ITEM) == (
        Continuation("the cat sat on the", " mat", greedy=True),
        Completion("the cat sat on the", ("\n",), 3 + 16),
    )


def test_bits_and_both_accuracies():
    responses = answer(TASK, ITEM, lambda *_: math.log(1 / 8), " mat again", is_greedy=False)
    assert TASK.measure(ITEM, responses) == {"accuracy": 0, "accuracy_written": 1, "bits": pytest.approx(3)}


def test_what_a_model_cannot_do_has_no_value():
    responses = answer(TASK, ITEM, lambda *_: -math.log(2), None, None)
    assert TASK.measure(ITEM, responses) == {"accuracy": None, "accuracy_written": None, "bits": pytest.approx(1)}
    assert TASK.chance(ITEM) == {}


@pytest.mark.parametrize(
    ("text", "word", "begins"),
    [
        ("mat", "mat", True),
        ("mat, and", "mat", True),
        ("mats", "mat", False),
        ("ma", "mat", False),
        ("猫坐", "猫", True),
    ],
)
def test_a_text_begins_with_a_whole_word(text, word, begins):
    assert begins_with(text, word) is begins
