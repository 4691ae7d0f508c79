"""Experiments: models and corpora, resolved before anything runs."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from pydantic import JsonValue

from lmbench.corpora.overlap import measure_overlap
from lmbench.corpus import Corpus
from lmbench.distribution import own_version
from lmbench.errors import CorpusError, PluginError
from lmbench.model import ModelSpec
from lmbench.registry import Registered, ResolvedModel, default_models, find, resolve
from lmbench.runs.store import CorpusRecord, Manifest

_VERSIONED = ("hmmlearn", "kenlm", "nltk", "numpy", "scipy", "tokenizers", "torch", "transformers")


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

    Raises:
        CorpusError: Two corpora have the same name.
    """

    models: tuple[ResolvedModel | BrokenModel, ...]
    corpora: tuple[Corpus, ...]
    check: bool = True

    def __post_init__(self) -> None:
        names = [corpus.name for corpus in self.corpora]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise CorpusError(f"two corpora have the same name: {', '.join(sorted(repeated))}")

    @property
    def pairs(self) -> tuple[tuple[Corpus, ResolvedModel | BrokenModel], ...]:
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


def select_models(text: str, seed: int | None = None) -> tuple[ResolvedModel | BrokenModel, ...]:
    """Return the models that a comma-separated list of specs names, without duplicates.

    Args:
        text: The specs. "all" means every model that needs no option.
        seed: The seed of each model that has one, unless its spec gives another.

    Raises:
        LmbenchError: A spec cannot be read, or names an unknown model or option. A broken plugin becomes a BrokenModel
            instead, so that it does not stop the other models.
    """
    specs: list[ModelSpec] = []
    for spec in ModelSpec.parse_list(text):
        specs += [ModelSpec(entry.name) for entry in default_models()] if str(spec) == "all" else [spec]
    return tuple(_select(spec, seed) for spec in dict.fromkeys(specs))


def _select(spec: ModelSpec, seed: int | None) -> ResolvedModel | BrokenModel:
    try:
        model = resolve(spec)
        if seed is not None and "seed" in model.model.Options.model_fields and "seed" not in dict(spec.arguments):
            model = model.with_arguments(("seed", str(seed)))
        model.build()  # so that a mistake in the options stops the run before it starts
    except PluginError as error:
        return BrokenModel(spec, find(spec.name), error)
    return model


def plugin_version(registered: Registered) -> tuple[tuple[str, str], ...]:
    """Return the distribution that provides a model, with its version; nothing if it is lmbench."""
    return () if registered.is_built_in else ((registered.origin, registered.version),)


def _options(model: ResolvedModel | BrokenModel) -> dict[str, JsonValue]:
    """Return all options of a model, defaults included."""
    return model.options.model_dump(mode="json") if isinstance(model, ResolvedModel) else {}


def _digests(models: Sequence[ResolvedModel | BrokenModel]) -> Iterator[tuple[str, str]]:
    """Yield each file that the models' options name and that can be read, with its sha256."""
    for path in {path for model in models if isinstance(model, ResolvedModel) for path in model.options.files()}:
        with suppress(OSError), path.open("rb") as file:
            yield str(path), hashlib.file_digest(file, "sha256").hexdigest()


def _installed_versions() -> Iterator[tuple[str, str]]:
    for package in _VERSIONED:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def _plugin_versions(models: Sequence[ResolvedModel | BrokenModel]) -> tuple[tuple[str, str], ...]:
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
