"""Models made ready to score in this process: loaded, restored, or fitted on a corpus."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from threadpoolctl import threadpool_limits

from lmbench.api.arguments import Models, Text, gather_corpora
from lmbench.corpora.selection import TrainingPart, take_training
from lmbench.corpus import Corpus, TrainingText
from lmbench.errors import CorpusError, NotFittedError, ResultsError, SpecError, UnknownNameError, kind_of
from lmbench.identity import fit_key
from lmbench.model import LanguageModel, ModelSpec, Traits
from lmbench.progress import SILENT, CheckedProgress, Progress
from lmbench.registry import ResolvedModel, resolve
from lmbench.runs.fitted_models import Fit, prepare_model
from lmbench.runs.libraries import import_libraries
from lmbench.runs.machine import count_threads
from lmbench.runs.objects import ModelObject
from lmbench.runs.records import Cell, ModelRecord
from lmbench.runs.sweeps import expand_spec


@dataclass(frozen=True)
class Training:
    """A text to fit models on that are not pretrained. It is loaded only if one of the models needs it.

    Attributes:
        corpus: The name of a corpus, a corpus, or documents.
        refit: Whether to fit models even if they were fitted on the same text and stored.
        progress: Receives reports.
    """

    corpus: Text
    refit: bool
    progress: Progress

    @cached_property
    def name(self) -> str:
        """The name of the corpus, for messages and the list of stored models."""
        if isinstance(self.corpus, Corpus):
            return self.corpus.name
        return self.corpus if isinstance(self.corpus, str) else "texts"

    @cached_property
    def text(self) -> TrainingText:
        """The training and validation splits.

        Raises:
            LmbenchError: The corpus is unknown, or cannot be used.
        """
        self.progress(f"loading {self.name}", 0.0)
        corpora = gather_corpora(self.corpus, False, self.progress)
        if len(corpora) > 1:
            raise CorpusError(f"models are fitted on one corpus here, and {len(corpora)} are named")
        return corpora[0].training

    @property
    def is_tokenized(self) -> bool:
        """Whether models were fitted on a text in which spaces separate words and punctuation."""
        return "text" in vars(self) and self.text.tokenized


@dataclass(frozen=True, slots=True)
class _Named:
    """A model that a user names.

    Attributes:
        model: The model.
        resolved: The spec that it was built from; None for an instance or a class.
    """

    model: LanguageModel
    resolved: ResolvedModel | None = None

    @classmethod
    def of(cls, spec: ModelSpec) -> _Named:
        """Build the model of a spec."""
        resolved = resolve(spec)
        return cls(resolved.build(), resolved)

    def prepare(self, training: Training) -> LanguageModel:
        """Return the model, ready to score."""
        if self.resolved is None:
            return _prepare(self.model, training)
        return _prepare_spec(self.model, self.resolved, training)


def ready_models(
    models: Models, training: Training, check: Callable[[Mapping[str, LanguageModel]], None] = lambda models: None
) -> dict[str, LanguageModel]:
    """Return models that are ready to score, by label.

    Args:
        models: Specs, instances or classes, alone, in a list, or in a dict by label. An instance that is fitted, or
            pretrained, is used as it is; of any other, a new one with the same options is fitted.
        training: The text to fit them on.
        check: Checks all of them before any is loaded or fitted.

    Raises:
        LmbenchError: A model is unknown or cannot be used, or two have the same label.
    """
    named = dict[str, _Named]()
    for label, model in _list_models(models):
        if label in named:
            raise SpecError(f"two models are named '{label}'; give a dict with a label for each")
        named[label] = model
    if not named:
        raise SpecError("no model is named")
    check({label: found.model for label, found in named.items()})
    return {label: found.prepare(training) for label, found in named.items()}


def restore_model(record: ModelRecord, cell: Cell, corpus: Corpus) -> LanguageModel:
    """Return the model of a cell, ready to score: loaded, restored from the store, or fitted again.

    Args:
        record: The record of the model.
        cell: The cell.
        corpus: Its corpus, with the whole training split.

    Raises:
        ResultsError: No spec names the model, or it was another version.
        LmbenchError: The model cannot be loaded or fitted.
    """
    try:
        resolved = resolve(record.spec)
        is_same = resolved.identity() == record.identity
    except UnknownNameError:
        is_same = False
    if not is_same:
        raise ResultsError(f"{cell.model} cannot be built again by its name; give the model to lmbench.surprisal")
    text = take_training(corpus, TrainingPart.parse(cell.train_size))
    return _Named(resolved.build(), resolved).prepare(Training(text, False, SILENT))


def _list_models(models: object) -> Iterator[tuple[str, _Named]]:
    """Yield each model with its label, which is its name if it has none. Nothing is fitted before all are known."""
    if isinstance(models, str):
        for labeled in chain.from_iterable(map(expand_spec, ModelSpec.parse_list(models))):
            yield labeled.label or str(labeled.spec), _Named.of(labeled.spec)
    elif isinstance(models, LanguageModel):
        yield type(models).__name__, _Named(models)
    elif isinstance(models, type) and issubclass(models, LanguageModel):
        yield models.__name__, _Named(ModelObject.of(models).build())
    elif isinstance(models, Mapping):
        for label, given in models.items():
            yield from ((str(label), model) for _, model in _list_models(given))
    elif isinstance(models, list | tuple):
        for given in models:
            yield from _list_models(given)
    else:
        raise SpecError(f"{kind_of(models)} is not a model; give a spec, a LanguageModel, or a class of one")


def _prepare_spec(model: LanguageModel, resolved: ResolvedModel, training: Training) -> LanguageModel:
    """Load, restore or fit the model of a spec."""
    progress = CheckedProgress(training.progress.part(str(resolved.spec)))
    with _limited_threads(model.traits):
        text = None if model.traits.pretrained else training.text
        fit = None
        if text is not None and not training.refit:
            fit = Fit(fit_key(resolved.identity(), text), str(resolved.spec), training.name)
        prepare_model(model, text, fit, progress)
    return model


def _prepare(model: LanguageModel, training: Training) -> LanguageModel:
    """Return an instance that is ready, or a new one that was fitted."""
    try:
        model.score(("a",))
    except (NotFittedError, AttributeError):  # the latter if a model does not declare what fitting sets
        model = ModelObject.of(model).build()
        with _limited_threads(model.traits):
            text = None if model.traits.pretrained else training.text
            model.prepare(text, CheckedProgress(training.progress.part(type(model).__name__)))
    return model


@contextmanager
def _limited_threads(traits: Traits) -> Iterator[None]:
    """Give numeric libraries as many threads as in a run until the context ends, so that fits are the same."""
    import_libraries({name.partition(".")[0] for name in traits.libraries})  # later ones would choose their threads
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    count = count_threads(traits)
    with threadpool_limits(count):
        if torch:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
