"""Experiments: models and corpora, resolved before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from lmbench.corpora.overlap import measure_overlap
from lmbench.corpora.selection import take_training
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, PluginError, SpecError, reason
from lmbench.identity import cell_key, digest, identify_model
from lmbench.model import ModelSpec, plain_traits
from lmbench.registry import Registered, find, is_default, list_registered, resolve
from lmbench.runs.machine import count_cpus
from lmbench.runs.records import AuditKind, CorpusRecord, Manifest, ModelRecord, Row
from lmbench.runs.worker import Channel, Failure, Worker


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
    """

    label: str
    spec: ModelSpec
    registered: Registered
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue]
    pretrained: bool
    needs: Needs


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """A registered model that cannot be imported or built. Its cells fail with the error."""

    label: str
    spec: ModelSpec
    registered: Registered
    error: PluginError


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell of an experiment.

    Attributes:
        row: Its row in the manifest.
        model: The model.
        corpus: The corpus, with as much of the training split as the row says.
    """

    row: Row
    model: SelectedModel | BrokenModel
    corpus: Corpus


@dataclass(frozen=True, slots=True)
class Experiment:
    """Models and the corpora on which each of them is evaluated.

    Attributes:
        models: The models; their labels differ.
        corpora: The corpora; their names differ.
        check: Whether the models go through the conformance suite first.
        audit: How each cell is audited.
        train_shares: The shares of the training split on which each model is fitted.

    Raises:
        CorpusError: Two corpora have the same name.
        SpecError: Two models have the same label.
    """

    models: tuple[SelectedModel | BrokenModel, ...]
    corpora: tuple[Corpus, ...]
    check: bool = True
    audit: AuditKind = "sample"
    train_shares: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if repeated := _repeated([corpus.name for corpus in self.corpora]):
            raise CorpusError(f"two corpora have the same name: {repeated}")
        if repeated := _repeated([model.label for model in self.models]):
            raise SpecError(f"two models have the same label: {repeated}")

    def plan(self) -> tuple[PlannedCell, ...]:
        """Return each corpus with each model and each share of the training split, in the order of the tables.

        This reads the texts, to identify them.
        """
        return tuple(
            _plan_cell(model, corpus, share)
            for whole in self.corpora
            for share in self.train_shares
            for corpus in (take_training(whole, share) if share < 1 else whole,)
            for model in self.models
            if share == self.train_shares[0] or not _is_pretrained(model)
        )

    def build_manifest(self, plan: Sequence[PlannedCell]) -> Manifest:
        """Return the record of the models, the texts and the planned cells."""
        return Manifest(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=tuple(map(_record_model, self.models)),
            corpora=tuple(map(_record_corpus, self.corpora)),
            rows=tuple(cell.row for cell in plan),
        )


def select_models(text: str, seed: int | None = None) -> tuple[SelectedModel | BrokenModel, ...]:
    """Return the models that a comma-separated list of specs names, without duplicates.

    Args:
        text: The specs. "all" means every model that needs no option.
        seed: The seed of each model that has one, unless its spec gives another.

    Raises:
        LmbenchError: A spec cannot be read, or names an unknown model or option. A broken plugin becomes a BrokenModel
            instead, so that it does not stop the other models.
    """
    named: dict[ModelSpec, bool] = {}
    for spec in ModelSpec.parse_list(text):
        is_all = str(spec) == "all"
        for member in map(ModelSpec, list_registered()) if is_all else (spec,):
            named[member] = named.get(member, False) or not is_all
    selected = (_select(_Candidate(spec, seed, is_named)) for spec, is_named in named.items())
    return tuple(model for model in selected if model is not None)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model that may be run.

    Attributes:
        spec: The spec.
        seed: The seed of a model that has one, unless the spec gives another.
        is_named: Whether the user named the model, and did not only write "all".
    """

    spec: ModelSpec
    seed: int | None
    is_named: bool


class _Selection(BaseModel):
    """What a process found out about a model that it built; see SelectedModel."""

    arguments: tuple[tuple[str, str], ...]
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue]
    pretrained: bool
    needs: Needs


def _select(candidate: _Candidate) -> SelectedModel | BrokenModel | None:
    """Return the model, built once for a test; None if it is not named and "all" does not include it."""
    entry = find(candidate.spec.name)
    try:
        selection = _build(candidate) if entry.is_built_in else _build_in_worker(candidate)
    except PluginError as error:
        return BrokenModel(str(candidate.spec), candidate.spec, entry, error)
    if selection is None:
        return None
    spec = ModelSpec(entry.name, selection.arguments)
    return SelectedModel(
        label=str(spec),
        spec=spec,
        registered=entry,
        options=selection.options,
        identity=selection.identity,
        pretrained=selection.pretrained,
        needs=selection.needs,
    )


def _build(candidate: _Candidate) -> _Selection | None:
    if not (candidate.is_named or is_default(find(candidate.spec.name))):
        return None
    model = resolve(candidate.spec)
    is_seeded = "seed" in dict(candidate.spec.arguments)
    if candidate.seed is not None and not is_seeded and "seed" in model.model.Options.model_fields:
        model = model.with_arguments(("seed", str(candidate.seed)))
    traits = plain_traits(model.build().traits)  # so that a mistake in the options stops the run before it starts
    return _Selection(
        arguments=model.spec.arguments,
        options=model.dump_options(),
        identity=identify_model(model.model, model.options),
        pretrained=traits.pretrained,
        needs=Needs(min(traits.threads or count_cpus(), count_cpus()), traits.libraries, traits.gpu),
    )


def _build_in_worker(candidate: _Candidate) -> _Selection | None:
    """Do what `_build` does in another process, because importing or building a plugin may do anything."""
    with TemporaryDirectory(prefix="lmbench-") as folder:
        result = Worker().run(partial(_build_in_process, candidate), Path(folder) / "log", lambda message: None)
    if isinstance(result, LmbenchError):
        raise result
    if isinstance(result, Failure):
        raise PluginError(f"model '{candidate.spec}' cannot be built: {result.text}")
    try:
        return _SELECTION.validate_json(result)
    except ValidationError as error:
        raise PluginError(f"model '{candidate.spec}' has options that are not valid: {reason(error)}") from error


def _build_in_process(candidate: _Candidate, channel: Channel) -> str:
    """Return the selection as JSON, which the other process parses and checks."""
    return _SELECTION.dump_json(_build(candidate)).decode()


_SELECTION: TypeAdapter[_Selection | None] = TypeAdapter(_Selection | None)


def plugin_version(registered: Registered) -> tuple[tuple[str, str], ...]:
    """Return the distribution that provides a model, with its version; nothing if it is lmbench."""
    return () if registered.is_built_in else ((registered.origin, registered.version),)


def _plan_cell(model: SelectedModel | BrokenModel, corpus: Corpus, share: float) -> PlannedCell:
    broken: dict[str, JsonValue] = {"broken": str(model.spec)}
    identity = model.identity if isinstance(model, SelectedModel) else broken
    pretrained = _is_pretrained(model)
    size = "" if pretrained or share == 1 else f"{100 * share:g}%"
    row = Row(model=model.label, corpus=corpus.name, train_size=size, key=cell_key(identity, pretrained, corpus))
    return PlannedCell(row, model, corpus)


def _is_pretrained(model: SelectedModel | BrokenModel) -> bool:
    return isinstance(model, SelectedModel) and model.pretrained


def _repeated(names: Sequence[str]) -> str:
    return ", ".join(sorted({name for name in names if names.count(name) > 1}))


def _record_model(model: SelectedModel | BrokenModel) -> ModelRecord:
    built = model if isinstance(model, SelectedModel) else None
    return ModelRecord(
        label=model.label,
        spec=str(model.spec),
        origin=f"{model.registered.origin} {model.registered.version}",
        options=built.options if built else {},
        identity=built.identity if built else None,
    )


def _record_corpus(corpus: Corpus) -> CorpusRecord:
    splits = (corpus.train, corpus.valid, corpus.test)
    return CorpusRecord(
        name=corpus.name,
        description=corpus.description,
        provenance=corpus.provenance,
        tokenized=corpus.tokenized,
        spaced=corpus.spaced,
        train_fingerprint=corpus.train.fingerprint,
        valid_fingerprint=corpus.valid.fingerprint,
        test_fingerprint=corpus.test.fingerprint,
        digest=digest([corpus.tokenized, *(split.digest for split in splits)]),
        train_bytes=corpus.train.size,
        valid_bytes=corpus.valid.size,
        test_bytes=corpus.test.size,
        test_documents=len(corpus.test.documents),
        floor_note=corpus.floor_note,
        overlap=measure_overlap(corpus),
    )
