from dataclasses import dataclass, replace

import pytest

from lmbench import check_task, load_task
from lmbench.errors import LmbenchError
from lmbench.tasks.loading import TASKS
from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.task import Continuation, Item

ITEMS = (Item("1", "Q", ("a", "b"), 0), Item("2", "Q", ("a", "b"), 1))


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if not task.entry and name != "translation"])
def test_tasks_of_lmbench_keep_the_contract(name):
    check_task(load_task(f"{name}:limit=3,shots=1"))


@dataclass(frozen=True)
class Unsteady(MultipleChoice):
    def requests(self, item):
        return (Continuation("", str(id(object()))), Continuation("", str(__import__("random").random())))


@dataclass(frozen=True)
class Empty(MultipleChoice):
    def requests(self, item):
        return (Continuation("a", ""),)


@dataclass(frozen=True)
class Partial(MultipleChoice):
    def measure(self, item, responses):
        return {"accuracy": 1.0}


@dataclass(frozen=True)
class Extra(MultipleChoice):
    def measure(self, item, responses):
        return super().measure(item, responses) | {"luck": 1.0}


@dataclass(frozen=True)
class Percent(MultipleChoice):
    def measure(self, item, responses):
        return super().measure(item, responses) | {"accuracy": 50.0}


@dataclass(frozen=True)
class Lucky(MultipleChoice):
    def chance(self, item):
        return {"accuracy": float("nan")}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Unsteady, "t, item 1: requests returned other requests when it was called again"),
        (Empty, "t, item 1: a Continuation asks for the probability of an empty text"),
        (Partial, "t, item 1: measure lacks a value of accuracy_bytes, accuracy_gain, accuracy_tokens"),
        (Extra, "t, item 1: 'luck' is not one of the task's metrics"),
        (Percent, "t, item 1: measure gives 50.0 for accuracy; it must be a number from 0 to 1"),
        (Lucky, "t, item 1: chance gives nan for accuracy; it must be a number from 0 to 1"),
    ],
)
def test_a_broken_contract_is_named(kind, message):
    with pytest.raises(LmbenchError, match=message):
        check_task(kind("t", ITEMS))


def test_the_items_are_checked_too():
    with pytest.raises(LmbenchError, match="t, item 2: gold is 7"):
        check_task(MultipleChoice("t", (ITEMS[0], replace(ITEMS[1], gold=7))))
