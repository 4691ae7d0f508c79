"""Options of a task: which items are asked, which solved ones stand before them, and what models are fitted on."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from lmbench.spec import Options, Spec


class TaskSpec(Spec):
    """The name of a task with its options, as a user writes it."""

    noun: ClassVar[str] = "task"
    list_hint: ClassVar[str] = "write NAME,NAME:option=value, or all"


class TaskOptions(Options):
    """The options that every task takes.

    Attributes:
        limit: How many items to ask, drawn from all groups alike; None for all of them.
        shots: The number of solved items before each question.
        seed: Seed of the draws of items and of solved items.
        train: The corpus that models are fitted on, instead of the task's own text; None: not given.
    """

    limit: Annotated[int, Field(gt=0)] | None = None
    shots: Annotated[int, Field(ge=0, le=64)] = 0
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    train: str | None = None

    @property
    def arguments(self) -> tuple[tuple[str, str], ...]:
        """The options that differ from the defaults, in a fixed order, as a spec has them."""
        fields = type(self).model_fields.items()
        return tuple(
            (name, str(value)) for name, field in fields if (value := getattr(self, name)) not in (None, field.default)
        )

    def updated(self, given: TaskOptions) -> TaskOptions:
        """Return these options, with those that are given for one task in their place."""
        return self.model_copy(update=given.model_dump(exclude_unset=True))


NO_OPTIONS = TaskOptions()
"""All items, without examples, and the task's own training text."""


def take_options(spec: Spec) -> tuple[Spec, TaskOptions]:
    """Return a spec without the options that every task takes, and these options.

    Raises:
        SpecError: One of them has a wrong value.
    """
    common = tuple(argument for argument in spec.arguments if argument[0] in TaskOptions.model_fields)
    rest = tuple(argument for argument in spec.arguments if argument not in common)
    return Spec(spec.name, rest), Spec(spec.name, common).options(TaskOptions)
