from lmbench.tasks.minimal_pairs import MinimalPairs
from lmbench.tasks.task import Continuation, Item
from tests.tasks.answers import answer, bytes_alike

TASK = MinimalPairs("pairs", (Item("1", choices=("He runs.", "He run."), gold=0),))
ITEM = TASK.items[0]


def test_both_texts_are_asked_whole():
    assert TASK.requests(ITEM) == (Continuation("", " He runs."), Continuation("", " He run."))


def test_the_likelier_text_is_chosen_whatever_its_length():
    assert TASK.measure(ITEM, answer(TASK, ITEM, bytes_alike)) == {"accuracy": 0}
    assert TASK.measure(ITEM, answer(TASK, ITEM, lambda _, text: len(text) - 20.0)) == {"accuracy": 1}
    assert TASK.measure(ITEM, answer(TASK, ITEM, lambda _, text: -1.0)) == {"accuracy": 1 / 2}
    assert TASK.chance(ITEM) == {"accuracy": 1 / 2}
