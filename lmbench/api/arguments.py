"""Models, corpora and tasks as a program names them: strings or objects, alone, in a list, or in a dict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lmbench.corpora.loading import check_corpus, is_named, read_corpus
from lmbench.corpora.names import divide_name, is_path, parse_names
from lmbench.corpora.options import NO_OPTIONS
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, SpecError, TaskError, UnknownNameError, kind_of
from lmbench.model import LanguageModel, ModelSpec
from lmbench.progress import Progress
from lmbench.runs.models import (
    BrokenModel,
    SelectedModel,
    StartWorker,
    select_model,
    select_object,
    unite_models,
)
from lmbench.runs.objects import ModelObject, find_spec
from lmbench.runs.study import ExperimentTable
from lmbench.tasks.checking import check_items
from lmbench.tasks.conformance import check_metrics
from lmbench.tasks.loading import TaskLoader, expand_names
from lmbench.tasks.options import TaskOptions
from lmbench.tasks.task import Task

Model = str | LanguageModel | type[LanguageModel]
"""A spec, an instance, or a class."""

Models = Model | Sequence[Model] | Mapping[str, Model]
"""One model, several, or several by their labels."""

Text = str | Path | Corpus | Iterable[str]
"""The name or the path of a corpus, a corpus, or documents."""

Corpora = Text | Sequence[Text] | Mapping[str, Text]
"""One corpus, several, or several by their names."""

Tasks = str | Task | Sequence[str | Task]
"""The name of a task or the path of a file, a task, or several."""


def select_models(
    models: Models, table: ExperimentTable, start: StartWorker
) -> tuple[SelectedModel | BrokenModel, ...]:
    """Return the models that a program names.

    Args:
        models: The models.
        table: The seeds, and whether the models are tuned.
        start: Starts the process in which a plugin is built.

    Raises:
        LmbenchError: A spec is wrong, or something is not a model.
    """
    selected: list[SelectedModel | BrokenModel] = []
    for label, model in _list_models(models):
        specs = _list_specs(model)
        for spec in specs:
            selected += select_model(_with_label(spec, label), table.all_seeds, start, table.tune)
        if not specs and not isinstance(model, str):
            selected += select_object(ModelObject.of(model), label, table.all_seeds)
    if not selected:
        raise SpecError("no model is named; give a spec such as 'kenlm:order=3', a LanguageModel, or a class of one")
    return unite_models(selected)


def check_names(corpora: Corpora | None, tasks: Tasks, defaults: TaskOptions) -> None:
    """Check the names of corpora and tasks before any of them is read or downloaded.

    Args:
        corpora: The corpora; None if there are none.
        tasks: The tasks.
        defaults: Options of those tasks that are named and do not have their own.

    Raises:
        LmbenchError: `gather_corpora` or `gather_tasks` would raise it, whatever the files hold.
    """
    if defaults.train is not None:
        check_corpus(defaults.train)
    with _hinting_at_documents(corpora):
        for name in () if corpora is None else _read_names(corpora):
            check_corpus(name)
    for task in _list_tasks(tasks):
        if isinstance(task, str):
            expand_names(parse_names(task), defaults)


def gather_corpora(corpora: Corpora, whole: bool, progress: Progress) -> tuple[Corpus, ...]:
    """Return the corpora that a program names.

    Args:
        corpora: The corpora.
        whole: Whether nothing is fitted on them, so that a user's own texts need not be divided.
        progress: Receives reports of downloads.

    Raises:
        LmbenchError: A corpus is unknown, or cannot be used.
    """
    with _hinting_at_documents(corpora):
        gathered = [corpus for name, text in _list_texts(corpora) for corpus in _gather(text, name, whole, progress)]
    if not gathered:
        raise CorpusError("no corpus is named")
    return tuple(gathered)


@contextmanager
def _hinting_at_documents(corpora: Corpora | None) -> Iterator[None]:
    """Say of a list with an unknown name that it may hold documents."""
    try:
        yield
    except UnknownNameError as error:
        if isinstance(corpora, list | tuple):
            raise CorpusError(f"{error}; if these are documents, write Corpus.from_texts(…)") from None
        raise


def gather_tasks(tasks: Tasks, defaults: TaskOptions, progress: Progress) -> tuple[Task, ...]:
    """Return the tasks that a program names, each once.

    Args:
        tasks: The tasks.
        defaults: Options of those that are named and do not have their own.
        progress: Receives reports of downloads.

    Raises:
        LmbenchError: A task is unknown, or cannot be used.
    """
    gathered: dict[str, Task] = {}
    loader = TaskLoader()
    for task in _list_tasks(tasks):
        if isinstance(task, Task):
            check_metrics(task.metrics, task.name)
            check_items(task.items, task.name, task.language)
            gathered.setdefault(task.name, task)
            continue
        for name in expand_names(parse_names(task), defaults):
            gathered.setdefault(name, loader.load(name, progress))
    return tuple(gathered.values())


def has_objects(tasks: Tasks) -> bool:
    """Return whether some of the tasks are objects, which no study can name."""
    return any(isinstance(task, Task) for task in _list_tasks(tasks))


def _list_tasks(tasks: Tasks) -> Sequence[str | Task]:
    """Return each task.

    Raises:
        TaskError: Something else is among them.
    """
    listed = [tasks] if isinstance(tasks, str | Task) else list(tasks)
    for task in listed:
        if not isinstance(task, str | Task):
            raise TaskError(f"{kind_of(task)} is not a task; give its name, or a Task")
    return listed


def list_names(corpora: Corpora) -> list[str] | None:
    """Return the names of corpora, each with its options; None if some of them are objects or get other names."""
    if any(name or not isinstance(text, str | Path) for name, text in _list_texts(corpora)):
        return None
    return list(_read_names(corpora))


def _read_names(corpora: Corpora) -> Iterator[str]:
    """Yield the name of each corpus that is not an object, with its options."""
    for _, text in _list_texts(corpora):
        if isinstance(text, str | Path):
            yield from parse_names(str(text))


def _list_models(models: Models) -> Iterator[tuple[str, Model]]:
    """Yield each model with its label; "" if it has none."""
    if isinstance(models, Mapping):
        yield from ((str(label), model) for label, model in models.items())
    elif isinstance(models, list | tuple):
        yield from (("", model) for model in models)
    else:
        yield "", models  # type: ignore[misc]


def _list_specs(model: Model) -> list[ModelSpec]:
    """Return the specs that name a model; none for an object that no spec names."""
    if isinstance(model, str):
        return ModelSpec.parse_list(model) if model.strip() else []
    if not isinstance(model, type | LanguageModel):
        raise SpecError(f"{kind_of(model)} is not a model; give a spec, a LanguageModel, or a class of one")
    spec = find_spec(model)
    return [spec] if spec else []


def _with_label(spec: ModelSpec, label: str) -> ModelSpec:
    return ModelSpec(spec.name, (*spec.arguments, ("label", label))) if label else spec


def _list_texts(corpora: Corpora) -> Iterator[tuple[str, Text]]:
    """Yield each corpus with its name; "" if it has none of its own."""
    if isinstance(corpora, Mapping):
        yield from ((str(name), text) for name, text in corpora.items())
    elif not isinstance(corpora, list | tuple) or _are_documents(corpora):
        yield "", corpora  # type: ignore[misc]
    else:
        yield from (("", text) for text in corpora)


def _are_documents(texts: Sequence[object]) -> bool:
    """Return whether a list of strings holds documents and not names: there are spaces in it, and no name."""
    strings = [text for text in texts if isinstance(text, str)]
    has_spaces = any(len(text.split()) > 1 for text in strings)
    return has_spaces and len(strings) == len(texts) and not any(map(_is_name, strings))


def _is_name(text: str) -> bool:
    return is_path(text) or is_named(divide_name(text).name)


def _gather(text: Text, name: str, whole: bool, progress: Progress) -> Iterator[Corpus]:
    if isinstance(text, Corpus):
        yield replace(text, name=name or text.name)
    elif isinstance(text, str | Path):
        for part in parse_names(str(text)):
            corpus = read_corpus(part, NO_OPTIONS, progress, whole)
            yield replace(corpus, name=name or corpus.name)
    else:
        yield Corpus.from_texts(text, name or _name_of(text), whole=whole)


def _name_of(texts: object) -> str:
    """Return the name of a column of a data frame; "texts" for anything else."""
    name = getattr(texts, "name", None)
    return name if isinstance(name, str) and name else "texts"
