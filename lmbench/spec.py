"""How what has options is named: ``NAME`` or ``NAME:option=value,option=value``, and how such names stand in a list."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from lmbench.errors import SpecError, UnknownNameError

_OPTION = re.compile(r"\w+=")


class Options(BaseModel):
    """Base of all options: typed, documented, frozen fields. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positional: ClassVar[str | None] = None
    """The field that may be given without its name, as in ``hf:path/to/model``."""

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """What a user may have meant by an option that there is not; name is empty where only a value was given."""
        return ""


def _seconds(duration: object) -> object:
    """A duration such as 90s, 1.5m or 1h30m in seconds; anything else is left to the field's own check."""
    units = {"h": 3600, "m": 60, "s": 1}
    number = r"[0-9]+\.?[0-9]*"
    if not isinstance(duration, str) or not re.fullmatch(rf"(?=.)({number}h)?({number}m)?({number}s)?", duration):
        return duration
    return sum(float(amount) * units[unit] for amount, unit in re.findall(rf"({number})([hms])", duration))


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""The type of an option that is a duration: 90, 90s, 1.5m, 1h30m."""

Kind = TypeVar("Kind", bound=Options)


def refuse_idle(options: Options, chooser: str, users: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError for an option that was given and does nothing.

    Args: chooser, the option that says how; users, for other options, the values of `chooser` that make use of them.
    """
    chosen = getattr(options, chooser)
    for name, values in users.items():
        if name in options.model_fields_set and chosen not in values:
            raise ValueError(f"{name}= does nothing with {chooser}={chosen}; it is an option of {', '.join(values)}")


@dataclass(frozen=True, slots=True)
class Spec:
    """A name with options, as a user writes it: ``markov``, ``markov:order=3,words=50``."""

    name: str
    arguments: tuple[tuple[str, str], ...] = ()

    noun: ClassVar[str] = "corpus"
    """What such a spec names, for errors."""

    list_hint: ClassVar[str] = "write NAME,NAME:option=value"
    """What a user who named nothing could write."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The spec written as `text`. Raises SpecError."""
        name, _, rest = text.strip().partition(":")
        if not name:
            raise SpecError(f"'{text}' names no {cls.noun}; write NAME or NAME:option=value,option=value")
        arguments = []
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            named = equals and re.fullmatch(r"\w+", key.strip())  # ``kenlm:order=3`` may be a value itself, as in mix
            arguments.append((key.strip(), value.strip()) if named else ("", part.strip()))
        return cls(name.strip(), tuple(arguments))

    @classmethod
    def parse_list(cls, text: str) -> list[Self]:
        """The specs of a comma-separated list; ``name=value`` goes on with the spec before it."""
        specs = split_list(text)
        if not specs:
            raise SpecError(f"no {cls.noun} is named; {cls.list_hint}")
        return [cls.parse(spec) for spec in specs]

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" if key else value for key, value in self.arguments)
        return f"{self.name}:{options}" if options else self.name

    def options(self, kind: type[Kind]) -> Kind:
        """These options, as an object of the class `kind`.

        Raises UnknownNameError for an unknown option and SpecError for a value that does not fit.
        """
        values: dict[str, str] = {}
        for key, value in self.arguments:
            name = key or kind.positional
            if name is None:
                known = ", ".join(kind.model_fields) or "none"
                hint = kind.hint("", value) or f"write option=value with one of: {known}"
                raise SpecError(f"'{value}' in '{self}' is no option; {hint}")
            if name not in kind.model_fields:
                raise UnknownNameError(f"option of {self.name}", name, kind.model_fields, kind.hint(name, value))
            if name in values:
                raise SpecError(f"option '{name}' stands twice in '{self}'")
            values[name] = value
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ")
            where = "".join(f"option {name}={values.get(str(name), '')}: " for name in first["loc"])
            raise SpecError(f"{self.name}: {where}{message}") from error


def split_list(text: str, has_options: Callable[[str], bool] = lambda name: True) -> list[str]:
    """The parts of a comma-separated list; ``name=value`` goes on with the part before it, where that has options.

    Args: has_options, whether what the name of a part (what stands before its colon) names can have options.
    """
    parts: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        if parts and _OPTION.match(part) and has_options(parts[-1].partition(":")[0]):
            parts[-1] += ("," if ":" in parts[-1] else ":") + part
        else:
            parts.append(part)
    return parts
