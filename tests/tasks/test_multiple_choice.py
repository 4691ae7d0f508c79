from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.task import Continuation, Item
from tests.tasks.answers import answer, bytes_alike

ITEM = Item("1", "Q: one?\nA:", ("a b", "c"), 0)
TASK = MultipleChoice("choice", (ITEM,))


def test_the_context_and_each_choice_are_asked():
    assert TASK.requests(ITEM) == (
        Continuation("Q: one?\nA:", " a b"),
        Continuation("Q: one?\nA:", " c"),
        Continuation("", " a b"),
        Continuation("", " c"),
    )


def test_length_decides_if_all_bytes_are_alike():
    """4 bytes or 2 with the space; per byte of the choice 4/3 or 2; per word 2 or 2; nothing is gained."""
    measured = TASK.measure(ITEM, answer(TASK, ITEM, bytes_alike))
    assert measured == {"accuracy": 0, "accuracy_bytes": 1, "accuracy_tokens": 1 / 2, "accuracy_gain": 1 / 2}
    assert TASK.chance(ITEM)["accuracy"] == 1 / 2
