"""Specs: names with options, ``NAME`` or ``NAME:option=value,option=value``, alone or in a list."""

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
    """The field whose name may be left out, as in ``hf:path/to/model``."""

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """Return what a user may have meant by an unknown option, or "".

        Args:
            name: The option's name; "" if only a value was given.
            value: Its value.
        """
        return ""


def _seconds(duration: object) -> object:
    """Convert a duration such as 90s, 1.5m or 1h30m to seconds; leave anything else to the field's own validation."""
    units = {"h": 3600, "m": 60, "s": 1}
    number = r"[0-9]+\.?[0-9]*"
    if not isinstance(duration, str) or not re.fullmatch(rf"(?=.)({number}h)?({number}m)?({number}s)?", duration):
        return duration
    return sum(float(amount) * units[unit] for amount, unit in re.findall(rf"({number})([hms])", duration))


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""The type of an option that is a duration: 90, 90s, 1.5m, 1h30m."""

SomeOptions = TypeVar("SomeOptions", bound=Options)


def refuse_idle(options: Options, chooser: str, users: Mapping[str, Sequence[str]]) -> None:
    """Refuse options that were given but do nothing.

    Args:
        options: The options.
        chooser: The name of the option that selects a method.
        users: For other options, the values of `chooser` that use them.

    Raises:
        ValueError: A given option does nothing.
    """
    chosen = getattr(options, chooser)
    for name, values in users.items():
        if name in options.model_fields_set and chosen not in values:
            raise ValueError(f"{name}= does nothing with {chooser}={chosen}; it is an option of {', '.join(values)}")


@dataclass(frozen=True, slots=True)
class Spec:
    """A name with options, as a user writes it: ``markov``, ``markov:order=3,words=50``.

    Attributes:
        name: The name.
        arguments: (option, value) pairs as written. The option is "" if only a value was given.
    """

    name: str
    arguments: tuple[tuple[str, str], ...] = ()

    noun: ClassVar[str] = "corpus"
    """The kind of thing that is named, for error messages."""

    list_hint: ClassVar[str] = "write NAME,NAME:option=value"
    """Advice for a user who named nothing."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a spec.

        Raises:
            SpecError: The name is missing.
        """
        name, _, rest = text.strip().partition(":")
        if not name:
            raise SpecError(f"'{text}' does not name a {cls.noun}; write NAME or NAME:option=value,option=value")
        arguments = []
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            named = equals and re.fullmatch(r"\w+", key.strip())  # a value may hold "=" itself: mix:kenlm:order=3
            arguments.append((key.strip(), value.strip()) if named else ("", part.strip()))
        return cls(name.strip(), tuple(arguments))

    @classmethod
    def parse_list(cls, text: str) -> list[Self]:
        """Parse a comma-separated list of specs; ``name=value`` belongs to the spec before it.

        Raises:
            SpecError: The list is empty, or a name is missing.
        """
        specs = split_list(text)
        if not specs:
            raise SpecError(f"no {cls.noun} is named; {cls.list_hint}")
        return [cls.parse(spec) for spec in specs]

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" if key else value for key, value in self.arguments)
        return f"{self.name}:{options}" if options else self.name

    def options(self, kind: type[SomeOptions]) -> SomeOptions:
        """Return the options as an object of the class `kind`.

        Raises:
            UnknownNameError: An option does not exist.
            SpecError: A value does not fit, or an option is given twice.
        """
        values = self.read_values(kind)
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "missing":
                raise SpecError(f"{self.name} needs {_describe(kind, str(first['loc'][0]))}") from error
            message = first["msg"].removeprefix("Value error, ")
            where = "".join(f"option {name}={values.get(str(name), '')}: " for name in first["loc"])
            raise SpecError(f"{self.name}: {where}{message}") from error

    def read_values(self, kind: type[Options]) -> dict[str, str]:
        """Return the value of each option that is given, as written.

        Args:
            kind: The class of the options.

        Raises:
            UnknownNameError: An option does not exist.
            SpecError: An option is given twice, or its value is not UTF-8.
        """
        values: dict[str, str] = {}
        for key, value in self.arguments:
            name = self._option_name(key, value, kind)
            if name in values:
                raise SpecError(f"option '{name}' is given twice in '{self}'")
            values[name] = check_utf8(value, f"{self.name}: option {name}=")
        return values

    def _option_name(self, key: str, value: str, kind: type[Options]) -> str:
        name = key or kind.positional
        if name is None:
            known = ", ".join(kind.model_fields) or "none"
            hint = kind.hint("", value) or f"write option=value with one of: {known}"
            raise SpecError(f"'{value}' in '{self}' is not an option; {hint}")
        if name not in kind.model_fields:
            raise UnknownNameError(f"option of {self.name}", name, kind.model_fields, kind.hint(name, value))
        return name


def _describe(kind: type[Options], name: str) -> str:
    """Return an option as a user writes it, and what it is."""
    field = kind.model_fields.get(name)
    return f"{name}=: {field.description}" if field and field.description else f"{name}="


def check_utf8(value: str, where: str) -> str:
    """Return the value. Bytes from the command line that are not UTF-8 arrive as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SpecError(f"{where}{value} is not UTF-8; if it is the name of a file, rename the file") from error
    return value


def split_list(text: str, has_options: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Split a comma-separated list; ``name=value`` belongs to the part before it, if that can have options.

    Args:
        text: The list.
        has_options: Returns whether the part of this name (up to its colon) can have options.
    """
    parts: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        if parts and _OPTION.match(part) and has_options(parts[-1].partition(":")[0]):
            parts[-1] += ("," if ":" in parts[-1] else ":") + part
        else:
            parts.append(part)
    return parts
