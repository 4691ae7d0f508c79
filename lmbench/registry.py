"""Which models there are: the entry points of the group ``lmbench.models``, the built-ins among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from lmbench.errors import PluginError, UnknownNameError
from lmbench.model import LanguageModel, ModelOptions, ModelSpec

GROUP = "lmbench.models"
_OWN = "lmbench"


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered model, not yet imported.

    origin   the distribution that registers it
    version  that distribution's version
    """

    name: str
    origin: str
    version: str
    entry_point: EntryPoint

    def load(self) -> type[LanguageModel]:
        """Import the model's class. Raises PluginError."""
        try:
            loaded = self.entry_point.load()
        except (Exception, SystemExit) as error:  # other people's code: whatever it raises, the other models go on
            raise PluginError(
                f"model '{self.name}' of {self.origin} {self.version} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if wrong := _what_is_wrong(loaded):
            raise PluginError(f"model '{self.name}' of {self.origin} {self.version} {wrong}")
        return cast(type[LanguageModel], loaded)


def _what_is_wrong(loaded: object) -> str:
    """Why this is no model that can be built; empty where it is one."""
    if not (isinstance(loaded, type) and issubclass(loaded, LanguageModel)):
        return f"is no LanguageModel: {loaded!r}"
    if missing := getattr(loaded, "__abstractmethods__", None):
        return f"lacks {', '.join(sorted(missing))}"
    options: object = loaded.Options
    if not (isinstance(options, type) and issubclass(options, ModelOptions)):
        return f"has Options that are no ModelOptions: {options!r}"
    return ""


def registered() -> dict[str, Registered]:
    """All registered models by name, nothing imported. A name is lmbench's, or the first package's in the alphabet."""
    found: dict[str, Registered] = {}
    for entry in _all():
        found.setdefault(entry.name, entry)
    return found


def shadowed() -> list[Registered]:
    """Models that cannot be used, since their name belongs to another package's."""
    used = registered()
    return [entry for entry in _all() if used[entry.name].origin != entry.origin]


def _all() -> list[Registered]:
    found = set()
    for point in entry_points(group=GROUP):
        origin, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "?")
        found.add(Registered(point.name, origin, version, point))
    return sorted(found, key=lambda entry: (entry.origin != _OWN, entry.origin, entry.name))


def model_class(spec: ModelSpec) -> type[LanguageModel]:
    """The class that `spec` names. Raises UnknownNameError or PluginError."""
    known = registered()
    if spec.name not in known:
        raise UnknownNameError("model", spec.name, known)
    return known[spec.name].load()


def build(spec: ModelSpec) -> LanguageModel:
    """The unfitted model that `spec` names, with its options. Raises LmbenchError."""
    model = model_class(spec)
    options = spec.options(model.Options)
    try:
        return model.with_options(options)
    except Exception as error:
        raise PluginError(f"model '{spec}' cannot be made: {type(error).__name__}: {error}") from error


def without_options() -> Iterator[Registered]:
    """The models that ``all`` means: those that need no option and do not say otherwise.

    Also the broken ones, so that they show.
    """
    for entry in registered().values():
        try:
            model = entry.load()
        except PluginError:
            yield entry
        else:
            if model.in_all and not any(field.is_required() for field in model.Options.model_fields.values()):
                yield entry
