"""Make models quick enough for the suite, and say which options that changes."""

from __future__ import annotations

import json
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, JsonValue

from lmbench.errors import SpecError
from lmbench.model import LanguageModel, ModelSpec, Traits
from lmbench.registry import ResolvedModel, resolve


class ChangedOption(BaseModel):
    """An option whose value is another in the suite than in a run.

    Attributes:
        name: The option's name.
        checked: Its value in the suite; empty if it has none.
        own: Its value in a run; empty if it has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    checked: str
    own: str


def changed_options(spec: ModelSpec) -> tuple[ChangedOption, ...]:
    """Return the options that `check_spec` changes: those that make the model quick, and those that it leaves out.

    Raises:
        LmbenchError: The spec is not valid, or the model's options cannot be shown.
    """
    model = resolve(spec)
    return list_changes(model.traits, model.dump_options(), _quicken(model).dump_options())


def list_changes(traits: Traits, own: dict[str, JsonValue], checked: dict[str, JsonValue]) -> tuple[ChangedOption, ...]:
    """Return the options that the suite changes.

    Args:
        traits: The traits of the model, which say which these may be.
        own: The options in a run.
        checked: The options in the suite.
    """
    return tuple(
        ChangedOption(name=name, checked=show_value(checked.get(name)), own=show_value(value))
        for name, value in own.items()
        if (name in dict(traits.quick_options) or name in traits.unchecked_options) and checked.get(name) != value
    )


def show_value(value: JsonValue) -> str:
    """Return the value of an option as in a spec; "" if it has none."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def quick_maker(spec: ModelSpec) -> Callable[[], LanguageModel]:
    """Return a function that builds the model with its quick options, except those that `spec` sets or contradicts.

    Raises:
        LmbenchError: The spec is not valid, or the model cannot be built.
    """
    quick = _quicken(resolve(spec))
    quick.build()  # an error in the spec is the user's and not a failure of the model
    return quick.build


def _quicken(model: ResolvedModel) -> ResolvedModel:
    """Return the model with its quick options, except those that its spec sets or contradicts."""
    traits, arguments = model.traits, model.spec.arguments
    unchecked = {name: dict(traits.quick_options).get(name) for name in traits.unchecked_options}
    given = [(name, unchecked.get(name, value)) for name, value in arguments]
    kept = tuple((name, value) for name, value in given if value is not None)
    quick = resolve(ModelSpec(model.spec.name, kept))
    for name, value in traits.quick_options:
        quick = quick if name in dict(arguments) else _with_argument(quick, name, value)
    return quick


def _with_argument(model: ResolvedModel, name: str, value: str) -> ResolvedModel:
    try:
        return model.with_arguments((name, value))
    except SpecError:
        return model
