"""Models are made quick for the suite, and every option that changes is named."""

import pytest

from lmbench import ModelSpec
from lmbench.checks import ChangedOption, changed_options
from lmbench.checks.quick import quick_maker, show_value
from lmbench.errors import PluginError, SpecError
from tests.plugins import MODELS, installed

QUICK = (
    MODELS
    + """
from lmbench import ModelOptions, Traits

class Slow(Good):
    class Options(ModelOptions):
        steps: int = 1000
        wide: bool = True
        folder: str = ""
        rate: float | None = 0.5

    traits = Traits(
        quick_options=(("steps", "3"), ("wide", "false")), unchecked_options=("folder", "rate")
    )

class Replaced(Good):
    class Options(ModelOptions):
        steps: int = 1000

    traits = Traits(quick_options=(("steps", "3"),), unchecked_options=("steps",))

class Unstorable(Good):
    class Options(ModelOptions):
        anything: object = object()
"""
)


@pytest.fixture
def slow(tmp_path):
    classes = ("Slow", "Replaced", "Unstorable")
    with installed(tmp_path, {name.lower(): f"plugin_module:{name}" for name in classes}, QUICK):
        yield


def changes(spec):
    return [(option.name, option.checked, option.own) for option in changed_options(ModelSpec.parse(spec))]


@pytest.mark.usefixtures("slow")
def test_every_option_that_the_suite_changes_is_named():
    assert changes("slow") == [("steps", "3", "1000"), ("wide", "false", "true")]
    assert changes("slow:folder=x,rate=0.25") == [
        ("steps", "3", "1000"),
        ("wide", "false", "true"),
        ("folder", "", "x"),
        ("rate", "0.5", "0.25"),
    ]
    options = quick_maker(ModelSpec.parse("slow:folder=x"))().options
    assert (options.steps, options.wide, options.folder) == (3, False, "")


@pytest.mark.usefixtures("slow")
def test_options_that_the_user_gives_are_not_changed():
    assert changes("slow:steps=7,wide=false") == []
    assert quick_maker(ModelSpec.parse("slow:steps=7"))().options.steps == 7
    assert changes("kenlm:order=2") == []


@pytest.mark.usefixtures("slow")
def test_an_unchecked_option_that_is_a_quick_one_is_replaced_whatever_the_user_gives():
    assert changes("replaced") == [("steps", "3", "1000")]
    assert changes("replaced:steps=7") == [("steps", "3", "7")]


@pytest.mark.usefixtures("slow")
def test_options_that_cannot_be_stored_are_refused_in_one_line():
    with pytest.raises(PluginError, match="the options of 'unstorable' cannot be stored: "):
        changed_options(ModelSpec.parse("unstorable"))


def test_a_small_transformer_is_checked_instead_of_a_large_one(tmp_path):
    pytest.importorskip("torch")
    checked = {"steps": "60", "layers": "1", "heads": "2", "width": "32"}
    changed = changed_options(ModelSpec.parse(f"transformer:preset=small,checkpoint={tmp_path}"))
    assert {option.name: option.checked for option in changed} == checked | {"checkpoint": ""}
    assert ChangedOption(name="width", checked="32", own="192") in changed
    with pytest.raises(SpecError, match="heads"):
        changed_options(ModelSpec.parse("transformer:heads=3"))


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), ("", ""), ("a", "a"), (True, "true"), (0.5, "0.5"), (["é", 1], '["é", 1]')]
)
def test_values_are_shown_as_in_a_spec(value, shown):
    assert show_value(value) == shown
