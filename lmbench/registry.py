"""The registered models, and specs resolved to them. All models are entry points of the group ``lmbench.models``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import cast

from pydantic import JsonValue

from lmbench import about
from lmbench.entry_points import list_entries
from lmbench.errors import LmbenchError, PluginError, SpecError, UnknownNameError, describe, kind_of
from lmbench.identity import identify_model
from lmbench.model import LanguageModel, ModelOptions, ModelSpec, Traits, declared_traits
from lmbench.tuning import AUTO, read_options

GROUP = "lmbench.models"


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered model, not yet imported.

    Attributes:
        name: The name that users give.
        origin: The distribution that registers it.
        version: That distribution's version.
        entry_point: Locates its class.
    """

    name: str
    origin: str
    version: str
    entry_point: EntryPoint

    @property
    def is_built_in(self) -> bool:
        """Whether lmbench itself registers it."""
        return self.origin == about.DISTRIBUTION_NAME

    def load(self) -> type[LanguageModel]:
        """Import the model's class.

        Raises:
            PluginError: The class cannot be imported, or is not a model that can be built.
        """
        try:
            loaded = self.entry_point.load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything, and must not stop the other models
            raise PluginError(
                f"model '{self.name}' of {self.origin} {self.version} cannot be loaded: {describe(error)}"
            ) from error
        if wrong := why_not_a_model(loaded):
            raise PluginError(f"model '{self.name}' of {self.origin} {self.version} {wrong}")
        return cast(type[LanguageModel], loaded)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A spec, and the model that it names: the class is imported, and the options are valid."""

    spec: ModelSpec
    registered: Registered
    model: type[LanguageModel]
    options: ModelOptions

    @property
    def traits(self) -> Traits:
        """The traits that the class declares; the usual ones if each instance computes its own."""
        return declared_traits(self.model)

    def build(self) -> LanguageModel:
        """Return a model that is not fitted yet.

        Raises:
            LmbenchError: The constructor raised it. Any other error of the constructor becomes a PluginError.
        """
        try:
            return self.model(self.options)
        except LmbenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"model '{self.spec}' cannot be built: {describe(error)}") from error

    def identity(self) -> dict[str, JsonValue]:
        """Return everything that the model's numbers depend on, apart from the text; see `identify_model`.

        Raises:
            SpecError: A file that an option names cannot be read.
        """
        entry, own = self.registered, identify_model(self.model, self.options)
        return own if entry.is_built_in else own | {"registered": f"{entry.name} of {entry.origin} {entry.version}"}

    def dump_options(self) -> dict[str, JsonValue]:
        """Return all options, defaults included, as JSON has them.

        Raises:
            PluginError: JSON cannot hold them.
        """
        try:
            return self.options.model_dump(mode="json")
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise PluginError(f"the options of '{self.spec}' cannot be stored: {describe(error)}") from error

    def with_arguments(self, *arguments: tuple[str, str]) -> ResolvedModel:
        """Return this model with more options, written as in a spec.

        Raises:
            SpecError: An option is given twice, or its value does not fit.
        """
        return resolve(ModelSpec(self.spec.name, (*self.spec.arguments, *arguments)))

    def has_option(self, name: str) -> bool:
        """Return whether the model has an option of this name."""
        return name in {*type(self.options).model_fields, *(self.options.model_extra or {})}

    def tuned(self) -> ResolvedModel:
        """Return this model with ``auto`` for each option of its grid that its spec leaves open."""
        model = self
        for name, _ in self.traits.grid:
            if name not in self.options.model_fields_set:
                model = model._with_auto(name)
        return model

    def list_untuned(self) -> tuple[str, ...]:
        """Return the options that `tuned` sets to ``auto``."""
        added = self.tuned().spec.arguments[len(self.spec.arguments) :]
        return tuple(name for name, _ in added)

    def _with_auto(self, name: str) -> ResolvedModel:
        try:
            return self.with_arguments((name, AUTO))
        except SpecError:  # the option does nothing with the others
            return self


def resolve(spec: ModelSpec | str) -> ResolvedModel:
    """Return the model that a spec names.

    Raises:
        UnknownNameError: The model or an option does not exist.
        SpecError: An option's value does not fit.
        PluginError: The model cannot be imported.
    """
    spec = ModelSpec.parse(spec) if isinstance(spec, str) else spec
    entry = find(spec.name)
    model = entry.load()
    return ResolvedModel(spec, entry, *read_options(spec, model))


def build(spec: ModelSpec | str) -> LanguageModel:
    """Return the model that a spec names, not fitted yet: ``build("kenlm:order=3")``. Raises as `resolve` does."""
    return resolve(spec).build()


def find(name: str) -> Registered:
    """Return the registered model of this name.

    Raises:
        UnknownNameError: No model has this name.
    """
    known = list_registered()
    if name not in known:
        raise UnknownNameError("model", name, known, _advice(name, known))
    return known[name]


def list_registered() -> dict[str, Registered]:
    """Return all registered models by name, without importing them.

    If several packages register the same name, lmbench comes first, and then the packages in alphabetical order.
    """
    found: dict[str, Registered] = {}
    for entry in _all_entries():
        found.setdefault(entry.name, entry)
    return found


def list_shadowed() -> list[Registered]:
    """Return the models that cannot be used because another package comes first with the same name."""
    used = list_registered()
    return [entry for entry in _all_entries() if used[entry.name].origin != entry.origin]


def default_models() -> Iterator[Registered]:
    """Yield the models that ``--models all`` includes."""
    return filter(is_default, list_registered().values())


def is_default(entry: Registered) -> bool:
    """Return whether ``--models all`` includes a model: it needs no option, and does not opt out.

    Broken models are included, so that their errors are visible.
    """
    try:
        model = entry.load()
    except PluginError:
        return True
    return declared_traits(model).in_all and not any(
        field.is_required() for field in model.Options.model_fields.values()
    )


def _advice(name: str, known: Mapping[str, Registered]) -> str:
    """Return how to name a version of a model, such as gpt2-xl, if that model takes an option without its name."""
    family = name.partition("-")[0]
    if family == name or family not in known:
        return ""
    try:
        takes_version = known[family].load().Options.positional
    except PluginError:
        return ""
    return f"write {family}:{name}" if takes_version else ""


def why_not_a_model(loaded: object) -> str:
    """Return why this is not a model that can be built, or "" if it is one."""
    if not (isinstance(loaded, type) and issubclass(loaded, LanguageModel)):
        return f"is not a LanguageModel: {loaded!r}"
    if missing := getattr(loaded, "__abstractmethods__", None):
        return f"lacks {', '.join(sorted(missing))}"
    options: object = loaded.Options
    if not (isinstance(options, type) and issubclass(options, ModelOptions)):
        return f"has Options that are not ModelOptions: {options!r}"
    traits: object = loaded.traits
    if not isinstance(traits, Traits | property | cached_property):
        return f"has traits that are {kind_of(traits)}, not a Traits"
    if unknown := [name for name, _ in declared_traits(loaded).grid if name not in options.model_fields]:
        return f"has a grid for {unknown[0]}, which is not one of its options"
    return ""


def _all_entries() -> list[Registered]:
    found = {Registered(entry.point.name, entry.origin, entry.version, entry.point) for entry in list_entries(GROUP)}
    return sorted(found, key=lambda entry: (not entry.is_built_in, entry.origin, entry.name))
