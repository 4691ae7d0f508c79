"""Models that a program holds as objects, such as a class that is defined in a notebook."""

from __future__ import annotations

import copy
import inspect
import pickle
import secrets
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from pathlib import Path

from pydantic import JsonValue, ValidationError

from lmbench.checks import ChangedOption
from lmbench.checks.quick import list_changes, show_value
from lmbench.errors import LmbenchError, PluginError, SpecError, describe, reason
from lmbench.identity import identify_model
from lmbench.model import LanguageModel, ModelOptions, ModelSpec, declared_traits
from lmbench.registry import GROUP, Registered, list_registered, resolve, why_not_a_model

_MAIN = "__main__"


@dataclass(frozen=True)
class ModelObject:
    """A model that a program holds as an object and no spec names.

    Attributes:
        kind: Its class.
        options: Its options; None for a class whose constructor does not take any.
        prototype: An instance to copy, if the class and the options do not tell how to build another one.
    """

    kind: type[LanguageModel]
    options: ModelOptions | None = None
    prototype: LanguageModel | None = None

    @classmethod
    def of(cls, model: LanguageModel | type[LanguageModel]) -> ModelObject:
        """Return the object for a class or an instance. If the options suffice to build an instance, only they count.

        Raises:
            PluginError: The class is not a model that can be built.
        """
        kind = model if isinstance(model, type) else type(model)
        if wrong := why_not_a_model(kind):
            raise PluginError(f"{kind.__name__} {wrong}")
        if isinstance(model, type):
            return cls(kind, _default_options(kind) if _takes_options(kind) else None)
        options = getattr(model, "options", None)  # a subclass may not have set them
        if _takes_options(kind) and isinstance(options, ModelOptions):
            return cls(kind, options)
        return cls(kind, prototype=model)

    def build(self) -> LanguageModel:
        """Return a new model: not fitted, or in the state of the instance that the program gave.

        Raises:
            LmbenchError: The constructor raised it. Any other error becomes a PluginError.
        """
        try:
            if self.prototype is not None:
                return copy.deepcopy(self.prototype)
            return self.kind() if self.options is None else self.kind(self.options)
        except LmbenchError:
            raise
        except (Exception, SystemExit) as error:  # a model may raise anything
            raise PluginError(f"{self.kind.__name__} cannot be built: {describe(error)}") from error

    def with_option(self, name: str, value: object) -> ModelObject:
        """Return the model with another value of an option.

        Raises:
            SpecError: The option does not take the value.
        """
        options = self.options or ModelOptions()
        try:
            return replace(
                self, options=type(options).model_validate(options.model_dump(exclude_unset=True) | {name: value})
            )
        except ValidationError as error:
            raise SpecError(f"{self.kind.__name__} does not take {name}={value}") from error

    def quickened(self) -> ModelObject:
        """Return the model with its quick options, except those that the program has set."""
        quick = self
        for name, value in declared_traits(self.kind).quick_options:
            if self.options is not None and name not in self.options.model_fields_set:
                quick = quick.with_option(name, value)
        return quick

    def changed_options(self) -> tuple[ChangedOption, ...]:
        """Return the options that `quickened` changes."""
        return list_changes(declared_traits(self.kind), self.dump_options(), self.quickened().dump_options())

    def dump_options(self) -> dict[str, JsonValue]:
        """Return all options, defaults included, as JSON has them."""
        return self.options.model_dump(mode="json") if self.options else {}

    @property
    def spec(self) -> ModelSpec:
        """The class and the options that were set, as a spec shows them."""
        values = self.options.model_dump(mode="json", include=self.options.model_fields_set) if self.options else {}
        return ModelSpec(self.kind.__name__, tuple((name, show_value(value)) for name, value in values.items()))

    @property
    def registered(self) -> Registered:
        """The class as if it were registered, by the package that it is from."""
        package = self.kind.__module__.partition(".")[0]
        try:
            release = version(package)
        except PackageNotFoundError:
            release = "unversioned"
        place = EntryPoint(self.kind.__name__, f"{self.kind.__module__}:{self.kind.__qualname__}", GROUP)
        return Registered(self.kind.__name__, "program" if package == _MAIN else package, release, place)

    @cached_property
    def is_portable(self) -> bool:
        """Whether another process can get the model: it can import the classes."""
        classes = (self.kind, type(self.options)) if self.options else (self.kind,)
        if not all(_can_be_imported(one) for one in classes):
            return False
        try:
            pickle.dumps(self)
        except Exception:  # noqa: BLE001  (a model's own methods for pickling may raise anything)
            return False
        return True

    @property
    def has_source(self) -> bool:
        """Whether files hold all code of the model, so that it can be told from other versions of it."""
        if self.prototype is not None or "<locals>" in self.kind.__qualname__:
            return False
        if self.kind.__module__ == _MAIN and hasattr(sys, "ps1"):  # the class may be written again at a prompt
            return False
        file = getattr(sys.modules.get(self.kind.__module__), "__file__", None)
        return file is not None and Path(file).is_file()  # that of a program that Python reads from a pipe is "<stdin>"

    def identity(self) -> dict[str, JsonValue]:
        """Return everything that the model's numbers depend on. Without a source, it equals no other model."""
        if self.has_source:
            return identify_model(self.kind, self.options or self.kind.Options())
        return {"model": self.kind.__qualname__, "object": secrets.token_hex(16)}


def find_spec(model: LanguageModel | type[LanguageModel]) -> ModelSpec | None:
    """Return a spec that names the same model; None if none does."""
    kind = model if isinstance(model, type) else type(model)
    place = f"{kind.__module__}:{kind.__qualname__}"
    entry = next((entry for entry in list_registered().values() if entry.entry_point.value == place), None)
    if entry is None:
        return None
    given = ModelObject.of(model)
    spec = replace(given.spec, name=entry.name)
    try:
        return spec if resolve(spec).options == given.options else None
    except LmbenchError:
        return None


def _default_options(kind: type[LanguageModel]) -> ModelOptions:
    try:
        return kind.Options()
    except ValidationError as error:
        raise PluginError(
            f"{kind.__name__} cannot be built without options: {reason(error)}; give an instance"
        ) from None


def _takes_options(kind: type[LanguageModel]) -> bool:
    """Return whether the constructor takes the options and nothing else, as that of LanguageModel does."""
    return list(inspect.signature(kind).parameters) == ["options"]


def _can_be_imported(kind: type) -> bool:
    """Return whether another process can import a class: not from the program itself or a module loaded by hand."""
    package = kind.__module__.partition(".")[0]
    return package != _MAIN and any(finder.find_spec(package, None) is not None for finder in sys.meta_path)
