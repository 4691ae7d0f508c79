import re

import pytest

from lmbench import load_task
from lmbench.errors import LmbenchError, PluginError, TaskError, UnavailableError
from lmbench.tasks.loading import expand_names, known_names
from lmbench.tasks.plugins import GROUP, list_plugins
from tests.plugins import installed

MODULE = '''
from dataclasses import dataclass
from lmbench import Continuation, Item, Metric, MultipleChoice, Signature, Task
from lmbench.errors import UnavailableError

ITEMS = (Item("1", "Q: a?", ("a", "b"), 0), Item("2", "Q: b?", ("a", "b"), 1))

def capitals():
    """Capitals of countries.

    More about them.
    """
    return MultipleChoice("any", ITEMS, language="en", provenance="capitals")

@dataclass(frozen=True)
class Own(Task):
    kind = "own"
    metrics = (Metric("right", "share of right ones"),)

    def requests(self, item):
        return (Continuation("", item.choices[0]),)

    def measure(self, item, responses):
        return {"right": 1.0}

    def chance(self, item):
        return {}

    def signature(self):
        return Signature.of(own="yes")

def own():
    return Own("any", ITEMS)

def absent():
    raise UnavailableError("the questions are elsewhere")

def broken():
    raise SystemExit("stop")

def listed():
    return ["a", "b"]

def empty():
    return MultipleChoice("any", ())

def items_list():
    return MultipleChoice("any", list(ITEMS))

def not_items():
    return MultipleChoice("any", ({"id": "1"},))

def wrong_gold():
    return MultipleChoice("any", (ITEMS[0], Item("2", "Q", ("a", "b"), 5)))

def origin():
    return MultipleChoice("any", ITEMS, provenance=3)

def training():
    return MultipleChoice("any", ITEMS, training="text")

def loose_choices():
    return MultipleChoice("any", (Item("1", "Q", ["a", "b"], 0),))

def loose_groups():
    return MultipleChoice("any", (Item("1", "Q", ("a", "b"), 0, groups=("syntax",)),))

def wrong_example():
    return MultipleChoice("any", ITEMS, examples=(Item("3", "Q: c?", ("a",), 0),))

def leaking():
    return MultipleChoice("any", ITEMS, examples=(Item("3", "Q: b?", ("b", "c"), 0),))

def shots():
    return MultipleChoice("any", ITEMS, shots="2")

def published():
    return MultipleChoice("any", ITEMS, published_by="paper")

class Twice(Own):
    metrics = (Metric("right", "one"), Metric("right", "other"))

class Furlongs(Own):
    metrics = (Metric("right", "far", unit="furlong"),)

class Second(Own):
    def requests(self, item):
        return (Continuation("", {"1": "a"}[item.id]),)

class Number(Own):
    def requests(self, item):
        return (Continuation(None, "a"),)

class Nothing(Own):
    def requests(self, item):
        return ()

class Lucky(Own):
    def chance(self, item):
        return {"luck": 0.5}

def twice():
    return Twice("any", ITEMS)

def furlongs():
    return Furlongs("any", ITEMS)

def second():
    return Second("any", ITEMS)

def no_text():
    return Number("any", ITEMS)

def nothing():
    return Nothing("any", ITEMS)

def lucky():
    return Lucky("any", ITEMS)

class Silent(Own):
    def requests(self, item):
        return []

class Wrong(Own):
    def requests(self, item):
        return ("text",)

class Raising(Own):
    def requests(self, item):
        raise RuntimeError("no")

class Unsigned(Own):
    def signature(self):
        return "own"

class Unmeasured(Own):
    metrics = ()

def silent():
    return Silent("any", ITEMS)

def wrong():
    return Wrong("any", ITEMS)

def raising():
    return Raising("any", ITEMS)

def unsigned():
    return Unsigned("any", ITEMS)

def unmeasured():
    return Unmeasured("any", ITEMS)

number = 3
'''
FUNCTIONS = re.findall(r"^def (\w+)", MODULE, flags=re.MULTILINE)


@pytest.fixture(autouse=True)
def package(tmp_path):
    """A package whose tasks have the names of its functions."""
    points = {name: f"plugin_module:{name}" for name in [*FUNCTIONS, "number", "missing"]}
    with installed(tmp_path, points | {"copa": "plugin_module:listed"}, MODULE, group=GROUP):
        yield


def test_a_registered_task_is_loaded_by_its_name_and_takes_options():
    task = load_task("capitals")
    assert (task.name, task.provenance, len(task.items)) == ("capitals", "capitals", 2)
    assert load_task("capitals:limit=1").name == "capitals:limit=1"
    assert load_task("own").signature().parts == (("own", "yes"),)
    assert expand_names(["capitals:seed=2"]) == ["capitals:seed=2"]
    assert "capitals" in known_names()
    assert "capitals" not in expand_names(["all"])


def test_a_plugin_cannot_replace_a_task_of_lmbench():
    assert known_names().count("copa") == 1


def test_a_task_is_summarized_without_being_loaded():
    plugins = list_plugins()
    assert plugins["capitals"].summarize() == "Capitals of countries."
    assert plugins["own"].summarize() == "a task without a description"
    assert plugins["missing"].summarize().startswith("broken: task 'missing' of lmbench-plugin 1.2 cannot be imported")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("absent", UnavailableError, "the questions are elsewhere"),
        ("broken", PluginError, "cannot be loaded: SystemExit: stop"),
        ("listed", PluginError, "is a list; its function must return a Task"),
        ("number", PluginError, "is an int; it must be a function that returns a Task"),
        ("missing", PluginError, "cannot be imported"),
        ("empty", TaskError, "has no items"),
        ("items_list", PluginError, "its items is a list; it must be a tuple"),
        ("not_items", PluginError, "number 1 of its items is a dict; it must be an Item"),
        ("wrong_gold", TaskError, "item 2: gold is 5; with 2 choices, it must be from 0 to 1"),
        ("origin", PluginError, "its provenance is an int; it must be a str"),
        ("training", PluginError, "its training is a str; it must be a TrainingText or None"),
        ("silent", PluginError, "requests returned a list; it must return a tuple of requests"),
        ("wrong", PluginError, "requests returned a str in its tuple; it must be a request"),
        ("raising", PluginError, "item 1 cannot be asked: RuntimeError: no"),
        ("unsigned", PluginError, "signature returned a str; it must return a Signature"),
        ("unmeasured", PluginError, "has no metrics; it needs at least one"),
        ("loose_choices", TaskError, "item 1: its choices are a list; they must be a tuple"),
        ("loose_groups", TaskError, "item 1: one of its groups is not a pair of texts, a name and a value"),
        ("wrong_example", TaskError, "the examples of task 'wrong_example' of .*, item 1 has one choice"),
        ("leaking", TaskError, "item 1 is item 2 of those that are asked; an example must not be"),
        ("shots", PluginError, "its shots is a str; it must be an int"),
        ("published", PluginError, "its published_by is a str; it must be a PublishedTable or None"),
        ("twice", PluginError, "the name of a metric, 'right', is blank, or is there twice"),
        ("furlongs", PluginError, "right has the unit 'furlong'; it must be one of 'share', 'score', 'bits'"),
        ("second", PluginError, "item 2 cannot be asked: KeyError: '2'"),
        ("no_text", PluginError, "item 1: Continuation.* has a field that is not a text"),
        ("nothing", PluginError, "item 1: requests returned an empty tuple; it must ask for something"),
        ("lucky", PluginError, "item 1: 'luck' is not one of the task's metrics"),
        ("capitals:words=3", LmbenchError, "unknown option of capitals 'words'"),
    ],
)
def test_a_broken_task_is_refused_in_one_line(name, error, message):
    with pytest.raises(error, match=message) as refused:
        load_task(name)
    assert "\n" not in str(refused.value)
