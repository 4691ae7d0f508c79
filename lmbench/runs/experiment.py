"""Experiments: models and corpora, resolved before anything runs."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from lmbench.about import own_version
from lmbench.corpora.overlap import measure_overlap
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, PluginError, reason
from lmbench.model import ModelSpec
from lmbench.registry import Registered, find, is_default, list_registered, resolve
from lmbench.runs.store import AuditKind, CorpusRecord, Manifest
from lmbench.runs.worker import Channel, Failure, Worker

_VERSIONED = ("hmmlearn", "kenlm", "nltk", "numpy", "scipy", "tokenizers", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class SelectedModel:
    """A model that can be built.

    Attributes:
        spec: The spec.
        registered: The model that it names.
        options: All options, defaults included.
        files: The files that the options name.
    """

    spec: ModelSpec
    registered: Registered
    options: dict[str, JsonValue]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """A registered model that cannot be imported or built. Its cells fail with the error."""

    spec: ModelSpec
    registered: Registered
    error: PluginError


@dataclass(frozen=True, slots=True)
class Experiment:
    """Models and the corpora on which each of them is evaluated.

    Attributes:
        models: The models, without duplicates.
        corpora: The corpora; their names differ.
        check: Whether the models go through the conformance suite first.
        audit: How each cell is audited.

    Raises:
        CorpusError: Two corpora have the same name.
    """

    models: tuple[SelectedModel | BrokenModel, ...]
    corpora: tuple[Corpus, ...]
    check: bool = True
    audit: AuditKind = "sample"

    def __post_init__(self) -> None:
        names = [corpus.name for corpus in self.corpora]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise CorpusError(f"two corpora have the same name: {', '.join(sorted(repeated))}")

    @property
    def pairs(self) -> tuple[tuple[Corpus, SelectedModel | BrokenModel], ...]:
        """Each corpus with each model, in the order in which they run."""
        return tuple((corpus, model) for corpus in self.corpora for model in self.models)

    def build_manifest(self) -> Manifest:
        """Return the record of the models, the texts, the versions and the machine.

        This reads the texts and the files that options name, to compare and to fingerprint them.
        """
        return Manifest(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=tuple(str(model.spec) for model in self.models),
            options=tuple(map(_options, self.models)),
            files=tuple(sorted(set(_digests(self.models)))),
            corpora=tuple(map(_record, self.corpora)),
            versions=(("lmbench", own_version()), *_installed_versions(), *_plugin_versions(self.models)),
            python=platform.python_version(),
            platform=platform.platform(),
            cpus=os.cpu_count() or 1,
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
    """The spec's arguments, the options and the files of a SelectedModel."""

    arguments: tuple[tuple[str, str], ...]
    options: dict[str, JsonValue]
    files: tuple[Path, ...]


def _select(candidate: _Candidate) -> SelectedModel | BrokenModel | None:
    """Return the model, built once for a test; None if it is not named and "all" does not include it."""
    entry = find(candidate.spec.name)
    try:
        selection = _build(candidate) if entry.is_built_in else _build_in_worker(candidate)
    except PluginError as error:
        return BrokenModel(candidate.spec, entry, error)
    if selection is None:
        return None
    return SelectedModel(ModelSpec(entry.name, selection.arguments), entry, selection.options, selection.files)


def _build(candidate: _Candidate) -> _Selection | None:
    if not (candidate.is_named or is_default(find(candidate.spec.name))):
        return None
    model = resolve(candidate.spec)
    is_seeded = "seed" in dict(candidate.spec.arguments)
    if candidate.seed is not None and not is_seeded and "seed" in model.model.Options.model_fields:
        model = model.with_arguments(("seed", str(candidate.seed)))
    model.build()  # so that a mistake in the options stops the run before it starts
    options = model.options.model_dump(mode="json")
    return _Selection(arguments=model.spec.arguments, options=options, files=model.options.files())


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


def _options(model: SelectedModel | BrokenModel) -> dict[str, JsonValue]:
    """Return all options of a model, defaults included."""
    return model.options if isinstance(model, SelectedModel) else {}


def _digests(models: Sequence[SelectedModel | BrokenModel]) -> Iterator[tuple[str, str]]:
    """Yield each file that the models' options name and that can be read, with its sha256."""
    for path in {path for model in models if isinstance(model, SelectedModel) for path in model.files}:
        with suppress(OSError), path.open("rb") as file:
            yield str(path), hashlib.file_digest(file, "sha256").hexdigest()


def _installed_versions() -> Iterator[tuple[str, str]]:
    for package in _VERSIONED:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def _plugin_versions(models: Sequence[SelectedModel | BrokenModel]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({pair for model in models for pair in plugin_version(model.registered)}))


def _record(corpus: Corpus) -> CorpusRecord:
    return CorpusRecord(
        name=corpus.name,
        description=corpus.description,
        provenance=corpus.provenance,
        tokenized=corpus.tokenized,
        spaced=corpus.spaced,
        train_fingerprint=corpus.train.fingerprint,
        valid_fingerprint=corpus.valid.fingerprint,
        test_fingerprint=corpus.test.fingerprint,
        train_bytes=corpus.train.size,
        valid_bytes=corpus.valid.size,
        test_bytes=corpus.test.size,
        test_documents=len(corpus.test.documents),
        floor_note=corpus.floor_note,
        overlap=measure_overlap(corpus),
    )
