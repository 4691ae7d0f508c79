"""The models of a run: what users name, resolved and built once before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from lmbench.errors import LmbenchError, PluginError, SpecError, reason
from lmbench.identity import digest
from lmbench.model import LanguageModel, ModelSpec, plain_traits
from lmbench.registry import Registered, ResolvedModel, find, is_default, list_registered, resolve
from lmbench.runs.machine import count_threads
from lmbench.runs.objects import ModelObject
from lmbench.runs.sweeps import LabeledSpec, expand_spec, extend_label, write_spec
from lmbench.runs.worker import Channel, Failure, Limits, Worker


@dataclass(frozen=True, slots=True)
class Needs:
    """What the processes of a model need.

    Attributes:
        threads: Threads of numeric libraries.
        libraries: Heavy libraries that the model imports.
        gpu: Whether the model uses a GPU if there is one.
    """

    threads: int = 1
    libraries: tuple[str, ...] = ()
    gpu: bool = False


@dataclass(frozen=True, slots=True)
class SelectedModel:
    """A model that can be built.

    Attributes:
        label: The name of its rows.
        spec: The spec.
        registered: The model that it names.
        options: All options, defaults included.
        identity: Everything that its numbers depend on, apart from the text.
        pretrained: Whether nothing is fitted.
        needs: What its processes need.
        checked_in_runs: Whether a run has the conformance suite check it.
        untuned: The options that `auto` could choose and that have their defaults.
        is_labeled: Whether the user gave the label.
        is_named: Whether the user named the model, and did not only write "all".
        given: The model itself, if a program holds it as an object and no spec names it.
    """

    label: str
    spec: ModelSpec
    registered: Registered
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue]
    pretrained: bool
    needs: Needs
    checked_in_runs: bool = True
    untuned: tuple[str, ...] = ()
    is_labeled: bool = False
    is_named: bool = True
    given: ModelObject | None = None

    @property
    def source(self) -> ModelSource:
        """What the model is built from."""
        return self.given or self.spec

    @property
    def runs_here(self) -> bool:
        """Whether the model runs in this process, since no other can get it."""
        return self.given is not None and not self.given.is_portable

    @property
    def can_be_found_again(self) -> bool:
        """Whether its identity tells it from other models, so that what is known of it can be kept for later runs."""
        return self.given is None or self.given.has_source

    @property
    def written(self) -> str:
        """The spec as a user writes it, with the label."""
        return write_spec(self.spec, self.label if self.is_labeled else "")


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """A registered model that cannot be imported or built. Its cells fail with the error."""

    label: str
    spec: ModelSpec
    registered: Registered
    error: PluginError
    is_labeled: bool = False

    @property
    def written(self) -> str:
        """The spec as a user writes it, with the label."""
        return write_spec(self.spec, self.label if self.is_labeled else "")


ModelSource = ModelSpec | ModelObject
"""What a model is built from."""

_BUILDING = Limits(seconds=300.0)
"""What building a plugin may take."""

StartWorker = Callable[[], Worker]
"""Starts a process that waits for work."""


def select_models(
    text: str, seeds: Sequence[int] = (), start: StartWorker = Worker, tune: bool = False
) -> tuple[SelectedModel | BrokenModel, ...]:
    """Return the models that a comma-separated list of specs names, without duplicates.

    Args:
        text: The specs. "all" means every model that needs no option.
        seeds: The seeds of each model that has one, unless its spec gives another; none for its own default.
        start: Starts the process in which a plugin is built.
        tune: Whether each model tunes the options of its grid that its spec leaves open.

    Raises:
        LmbenchError: A spec cannot be read, or names an unknown model or option. A broken plugin becomes a BrokenModel
            instead, so that it does not stop the other models.
    """
    specs = ModelSpec.parse_list(text)
    return unite_models(model for spec in specs for model in select_model(spec, seeds, start, tune))


def build_model(source: ModelSource) -> LanguageModel:
    """Return a model that is not fitted yet.

    Raises:
        LmbenchError: It is unknown, or cannot be built.
    """
    return source.build() if isinstance(source, ModelObject) else resolve(source).build()


def select_object(given: ModelObject, label: str = "", seeds: Sequence[int] = ()) -> list[SelectedModel]:
    """Return a model that a program holds, once for each seed if it has one.

    Args:
        given: The model.
        label: The name of its rows; "" if the user gave none.
        seeds: The seeds, unless the options of the model set another one; none for its own.

    Raises:
        LmbenchError: It cannot be built.
    """
    options = given.options
    if not seeds or options is None or "seed" not in type(options).model_fields or "seed" in options.model_fields_set:
        return [_describe_object(given, label)]
    several = len(seeds) > 1
    return [
        _describe_object(given.with_option("seed", seed), extend_label(label, *several * [("seed", str(seed))]))
        for seed in seeds
    ]


def _describe_object(given: ModelObject, label: str) -> SelectedModel:
    traits = plain_traits(given.build().traits)
    return SelectedModel(
        label=label or str(given.spec),
        spec=given.spec,
        registered=given.registered,
        options=given.dump_options(),
        identity=given.identity(),
        pretrained=traits.pretrained,
        checked_in_runs=traits.checked_in_runs,
        needs=Needs(count_threads(traits), traits.libraries, traits.gpu),
        is_labeled=bool(label),
        given=given,
    )


def select_model(
    spec: ModelSpec, seeds: Sequence[int] = (), start: StartWorker = Worker, tune: bool = False
) -> list[SelectedModel | BrokenModel]:
    """Return the models that one spec names, with its sweeps and label. Raises as `select_models` does."""
    is_all = str(spec) == "all"
    specs = map(ModelSpec, list_registered()) if is_all else (spec,)
    named = [labeled for member in specs for labeled in expand_spec(member)]
    candidates = [_Candidate(labeled, tuple(seeds), not is_all, tune) for labeled in named]
    return [model for candidate in candidates for model in _select(candidate, start)]


def unite_models(models: Iterable[SelectedModel | BrokenModel]) -> tuple[SelectedModel | BrokenModel, ...]:
    """Return the models without duplicates: of two that are the same model, the first, or the one that has a label.

    It is named if either is.

    Raises:
        SpecError: One model has two labels.
    """
    united: dict[str, SelectedModel | BrokenModel] = {}
    for model in models:
        key = digest(model.identity) if isinstance(model, SelectedModel) else str(model.spec)
        first = united.get(key, model)
        if first.is_labeled and model.is_labeled and first.label != model.label:
            raise SpecError(f"'{first.label}' and '{model.label}' are labels of the same model; leave one out")
        chosen = model if model.is_labeled and not first.is_labeled else first
        is_named = _is_named(first) or _is_named(model)
        united[key] = replace(chosen, is_named=is_named) if isinstance(chosen, SelectedModel) else chosen
    return tuple(united.values())


def refuse_idle_seeds(models: Sequence[SelectedModel | BrokenModel], place: str) -> None:
    """Refuse seeds if none of the models has one. A model that cannot be built may have one.

    Args:
        models: The models.
        place: The place of the seeds, for the message.

    Raises:
        SpecError: The seeds would change nothing.
    """
    if not any(isinstance(model, BrokenModel) or "seed" in model.options for model in models):
        raise SpecError(f"{place}: only for models with a seed; none of these has one")


def _is_named(model: SelectedModel | BrokenModel) -> bool:
    return not isinstance(model, SelectedModel) or model.is_named


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model that may be run.

    Attributes:
        named: Its spec and its label.
        seeds: The seeds of a model that has one, unless the spec gives another; none for its own default.
        is_wanted: Whether the user named the model, and did not only write "all".
        tune: Whether it tunes the options of its grid that the spec leaves open.
    """

    named: LabeledSpec
    seeds: tuple[int, ...]
    is_wanted: bool
    tune: bool


class _Selection(BaseModel):
    """What a process found out about a model that it built; see SelectedModel. The label is "" if there is none."""

    label: str
    arguments: tuple[tuple[str, str], ...]
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue]
    pretrained: bool
    checked_in_runs: bool
    needs: Needs
    untuned: tuple[str, ...]


def _select(candidate: _Candidate, start: StartWorker) -> list[SelectedModel | BrokenModel]:
    """Return the model with each seed, built once for a test; none if it is not named and "all" does not include it."""
    spec, label = candidate.named.spec, candidate.named.label
    entry = find(spec.name)
    try:
        found = _build(candidate) if entry.is_built_in else _build_in_worker(candidate, start)
    except PluginError as error:
        return [BrokenModel(label or str(spec), spec, entry, error, bool(label))]
    return [_describe_selected(entry, selection, candidate.is_wanted) for selection in found]


def _describe_selected(entry: Registered, selection: _Selection, is_named: bool) -> SelectedModel:
    spec = ModelSpec(entry.name, selection.arguments)
    return SelectedModel(
        label=selection.label or str(spec),
        spec=spec,
        registered=entry,
        options=selection.options,
        identity=selection.identity,
        pretrained=selection.pretrained,
        checked_in_runs=selection.checked_in_runs,
        needs=selection.needs,
        untuned=selection.untuned,
        is_labeled=bool(selection.label),
        is_named=is_named,
    )


def _build(candidate: _Candidate) -> list[_Selection]:
    spec, label = candidate.named.spec, candidate.named.label
    if not (candidate.is_wanted or is_default(find(spec.name))):
        return []
    model = resolve(spec).tuned() if candidate.tune else resolve(spec)
    first = _try(model, label)
    if not candidate.seeds or "seed" in dict(spec.arguments) or not model.has_option("seed") or first.pretrained:
        return [first]
    seeds = [("seed", str(seed)) for seed in candidate.seeds]
    several = seeds if len(seeds) > 1 else []
    return [_try(model.with_arguments(seed), extend_label(label, *several and [seed])) for seed in seeds]


def _try(model: ResolvedModel, label: str) -> _Selection:
    """Build a model, so that a mistake in its options stops the run before it starts."""
    traits = plain_traits(model.build().traits)
    return _Selection(
        label=label,
        arguments=model.spec.arguments,
        options=model.dump_options(),
        identity=model.identity(),
        pretrained=traits.pretrained,
        checked_in_runs=traits.checked_in_runs,
        needs=Needs(count_threads(traits), traits.libraries, traits.gpu),
        untuned=model.list_untuned(),
    )


def _build_in_worker(candidate: _Candidate, start: StartWorker) -> list[_Selection]:
    """Do what `_build` does in another process, because importing or building a plugin may do anything."""
    with TemporaryDirectory(prefix="lmbench-") as folder:
        work, log = partial(_build_in_process, candidate), Path(folder) / "log"
        result = start().run(work, log, lambda message: None, _BUILDING)
    if isinstance(result, LmbenchError):
        raise result
    if isinstance(result, Failure):
        raise PluginError(f"model '{candidate.named.spec}' cannot be built: {result.text}")
    try:
        return _SELECTIONS.validate_json(result)
    except ValidationError as error:
        raise PluginError(f"model '{candidate.named.spec}' has options that are not valid: {reason(error)}") from error


def _build_in_process(candidate: _Candidate, channel: Channel) -> str:
    """Return the selections as JSON, which the other process parses and checks."""
    return _SELECTIONS.dump_json(_build(candidate)).decode()


_SELECTIONS: TypeAdapter[list[_Selection]] = TypeAdapter(list[_Selection])


def plugin_version(registered: Registered) -> tuple[tuple[str, str], ...]:
    """Return the distribution that provides a model, with its version; nothing if it is lmbench."""
    return () if registered.is_built_in else ((registered.origin, registered.version),)
