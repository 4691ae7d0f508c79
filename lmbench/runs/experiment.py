"""Experiments: models and corpora, resolved before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from lmbench.corpora.overlap import measure_overlap
from lmbench.corpora.selection import take_training
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, PluginError, SpecError, reason
from lmbench.identity import cell_key, digest
from lmbench.model import ModelSpec, plain_traits
from lmbench.registry import Registered, ResolvedModel, find, is_default, list_registered, resolve
from lmbench.runs.machine import count_cpus
from lmbench.runs.records import CorpusRecord, Manifest, ModelRecord, Row
from lmbench.runs.study import AUDIT_KINDS, AuditKind, Study
from lmbench.runs.sweeps import LabeledSpec, expand_spec, extend_label, write_spec
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
        is_labeled: Whether the user gave the label.
    """

    label: str
    spec: ModelSpec
    registered: Registered
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue]
    pretrained: bool
    needs: Needs
    is_labeled: bool = False

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


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell of an experiment.

    Attributes:
        row: Its row in the manifest.
        model: The model.
        corpus: The corpus, with as much of the training split as the row says.
        check: Whether its model goes through the conformance suite first.
        audit: How it is audited.
    """

    row: Row
    model: SelectedModel | BrokenModel
    corpus: Corpus
    check: bool
    audit: AuditKind


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
            self._plan_cell(model, corpus, share)
            for whole in self.corpora
            for share in self.train_shares
            for corpus in (take_training(whole, share) if share < 1 else whole,)
            for model in self.models
            if share == self.train_shares[0] or not _is_pretrained(model)
        )

    def build_manifest(self, plan: Sequence[PlannedCell]) -> Manifest:
        """Return the record of the models, the texts and the planned cells."""
        return JointExperiment((self,)).build_manifest(plan)

    def _plan_cell(self, model: SelectedModel | BrokenModel, corpus: Corpus, share: float) -> PlannedCell:
        broken: dict[str, JsonValue] = {"broken": str(model.spec)}
        identity = model.identity if isinstance(model, SelectedModel) else broken
        pretrained = _is_pretrained(model)
        size = "" if pretrained or share == 1 else f"{100 * share:g}%"
        row = Row(model=model.label, corpus=corpus.name, train_size=size, key=cell_key(identity, pretrained, corpus))
        return PlannedCell(row, model, corpus, self.check, self.audit)


@dataclass(frozen=True, slots=True)
class JointExperiment:
    """Experiments that are run together.

    Attributes:
        parts: The experiments.
        study: How they were asked for; None if no study did.

    Raises:
        SpecError: Two models have the same label.
    """

    parts: tuple[Experiment, ...]
    study: Study | None = None

    def __post_init__(self) -> None:
        specs: dict[str, ModelSpec] = {}
        for model in self._models():
            if specs.setdefault(model.label, model.spec) != model.spec:
                raise SpecError(f"two models have the same label: {model.label}")

    def plan(self) -> tuple[PlannedCell, ...]:
        """Return the cells of all experiments, each once, with the strongest audit that one of them asks for."""
        planned: dict[Row, PlannedCell] = {}
        for cell in (cell for part in self.parts for cell in part.plan()):
            known = planned.get(cell.row, cell)
            audit = max(known.audit, cell.audit, key=AUDIT_KINDS.index)
            planned[cell.row] = replace(known, check=known.check or cell.check, audit=audit)
        return tuple(planned.values())

    def build_manifest(self, plan: Sequence[PlannedCell]) -> Manifest:
        """Return the record of the models, the texts and the planned cells.

        Raises:
            CorpusError: Two texts have the same name.
        """
        return Manifest(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=tuple({model.label: _record_model(model) for model in self._models()}.values()),
            corpora=tuple(map(_record_corpus, self._corpora())),
            rows=tuple(cell.row for cell in plan),
            study=self.study,
        )

    def _models(self) -> Iterator[SelectedModel | BrokenModel]:
        for part in self.parts:
            yield from part.models

    def _corpora(self) -> list[Corpus]:
        """Return the corpora, each once."""
        known: dict[str, Corpus] = {}
        for corpus in (corpus for part in self.parts for corpus in part.corpora):
            first = known.setdefault(corpus.name, corpus)
            if first is not corpus and digest_corpus(first) != digest_corpus(corpus):
                raise CorpusError(f"two experiments read {corpus.name} differently; give it the same options in both")
        return list(known.values())


def adopt_rows(plan: Sequence[PlannedCell], rows: Sequence[Row]) -> tuple[PlannedCell, ...]:
    """Return the cells in the rows that a run has for them: a model that a run knows keeps its label.

    Args:
        plan: The cells.
        rows: The rows of the run, in which each cell has one.
    """
    known, adopted = {row.key: row for row in reversed(rows)}, dict[Row, PlannedCell]()
    for cell in plan:
        row = cell.row if cell.row in rows else known[cell.row.key]
        adopted.setdefault(row, replace(cell, row=row, model=replace(cell.model, label=row.model)))
    return tuple(adopted.values())


StartWorker = Callable[[], Worker]
"""Starts a process that waits for work."""


def select_models(
    text: str, seeds: Sequence[int] = (), start: StartWorker = Worker
) -> tuple[SelectedModel | BrokenModel, ...]:
    """Return the models that a comma-separated list of specs names, without duplicates.

    Args:
        text: The specs. "all" means every model that needs no option.
        seeds: The seeds of each model that has one, unless its spec gives another; none for its own default.
        start: Starts the process in which a plugin is built.

    Raises:
        LmbenchError: A spec cannot be read, or names an unknown model or option. A broken plugin becomes a BrokenModel
            instead, so that it does not stop the other models.
    """
    return unite_models(model for spec in ModelSpec.parse_list(text) for model in select_model(spec, seeds, start))


def select_model(
    spec: ModelSpec, seeds: Sequence[int] = (), start: StartWorker = Worker
) -> list[SelectedModel | BrokenModel]:
    """Return the models that one spec names, with its sweeps and label. Raises as `select_models` does."""
    is_all = str(spec) == "all"
    specs = map(ModelSpec, list_registered()) if is_all else (spec,)
    named = [labeled for member in specs for labeled in expand_spec(member)]
    return [model for labeled in named for model in _select(_Candidate(labeled, tuple(seeds), not is_all), start)]


def unite_models(models: Iterable[SelectedModel | BrokenModel]) -> tuple[SelectedModel | BrokenModel, ...]:
    """Return the models without duplicates: of two that are the same model, the first, or the one that has a label."""
    united: dict[str, SelectedModel | BrokenModel] = {}
    for model in models:
        key = digest(model.identity) if isinstance(model, SelectedModel) else str(model.spec)
        if key not in united or (model.is_labeled and not united[key].is_labeled):
            united[key] = model
    return tuple(united.values())


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model that may be run.

    Attributes:
        named: Its spec and its label.
        seeds: The seeds of a model that has one, unless the spec gives another; none for its own default.
        is_wanted: Whether the user named the model, and did not only write "all".
    """

    named: LabeledSpec
    seeds: tuple[int, ...]
    is_wanted: bool


class _Selection(BaseModel):
    """What a process found out about a model that it built; see SelectedModel. The label is "" if there is none."""

    label: str
    arguments: tuple[tuple[str, str], ...]
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue]
    pretrained: bool
    needs: Needs


def _select(candidate: _Candidate, start: StartWorker) -> list[SelectedModel | BrokenModel]:
    """Return the model with each seed, built once for a test; none if it is not named and "all" does not include it."""
    spec, label = candidate.named.spec, candidate.named.label
    entry = find(spec.name)
    try:
        found = _build(candidate) if entry.is_built_in else _build_in_worker(candidate, start)
    except PluginError as error:
        return [BrokenModel(label or str(spec), spec, entry, error, bool(label))]
    return [_describe_selected(entry, selection) for selection in found]


def _describe_selected(entry: Registered, selection: _Selection) -> SelectedModel:
    spec = ModelSpec(entry.name, selection.arguments)
    return SelectedModel(
        label=selection.label or str(spec),
        spec=spec,
        registered=entry,
        options=selection.options,
        identity=selection.identity,
        pretrained=selection.pretrained,
        needs=selection.needs,
        is_labeled=bool(selection.label),
    )


def _build(candidate: _Candidate) -> list[_Selection]:
    spec, label = candidate.named.spec, candidate.named.label
    if not (candidate.is_wanted or is_default(find(spec.name))):
        return []
    model = resolve(spec)
    if not candidate.seeds or "seed" in dict(spec.arguments) or "seed" not in model.model.Options.model_fields:
        return [_try(model, label)]
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
        needs=Needs(min(traits.threads or count_cpus(), count_cpus()), traits.libraries, traits.gpu),
    )


def _build_in_worker(candidate: _Candidate, start: StartWorker) -> list[_Selection]:
    """Do what `_build` does in another process, because importing or building a plugin may do anything."""
    with TemporaryDirectory(prefix="lmbench-") as folder:
        result = start().run(partial(_build_in_process, candidate), Path(folder) / "log", lambda message: None)
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


def digest_corpus(corpus: Corpus) -> str:
    """Return the SHA-256 of all splits of a corpus, and of what else models see of it."""
    return digest([corpus.tokenized, *(split.digest for split in (corpus.train, corpus.valid, corpus.test))])


def _record_corpus(corpus: Corpus) -> CorpusRecord:
    return CorpusRecord(
        name=corpus.name,
        description=corpus.description,
        provenance=corpus.provenance,
        tokenized=corpus.tokenized,
        spaced=corpus.spaced,
        train_fingerprint=corpus.train.fingerprint,
        valid_fingerprint=corpus.valid.fingerprint,
        test_fingerprint=corpus.test.fingerprint,
        digest=digest_corpus(corpus),
        train_bytes=corpus.train.size,
        valid_bytes=corpus.valid.size,
        test_bytes=corpus.test.size,
        test_documents=len(corpus.test.documents),
        floor_note=corpus.floor_note,
        overlap=measure_overlap(corpus),
    )
