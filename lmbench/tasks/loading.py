"""From a task's name to the task: the project's own, a public one, a plugin's, or the user's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from lmbench.corpora.loading import read_corpus
from lmbench.errors import UnknownNameError
from lmbench.progress import SILENT, Progress
from lmbench.spec import Spec
from lmbench.tasks import fables, public
from lmbench.tasks.options import NO_OPTIONS, TaskOptions, take_options
from lmbench.tasks.sampling import draw_items
from lmbench.tasks.task import Task


@dataclass(frozen=True, slots=True)
class NamedTask:
    """A task that comes with lmbench, not yet loaded.

    Attributes:
        kind: The name of its kind.
        description: What it asks, in one line.
        load: Returns the task, all of it.
        entry: The entry of the catalog that has its files; "" if it needs no download.
    """

    kind: str
    description: str
    load: Callable[[Progress], Task]
    entry: str = ""


TASKS: dict[str, NamedTask] = {
    "fables-qa-en": NamedTask(
        "question-answering", "questions about the fables in English", lambda _: fables.load_questions("en")
    ),
    "fables-qa-zh": NamedTask(
        "question-answering", "questions about the fables in Chinese", lambda _: fables.load_questions("zh")
    ),
    "blimp": NamedTask("minimal-pairs", "grammatical contrasts in English", public.load_blimp, "blimp"),
}
"""The tasks that come with lmbench."""

FAMILIES = {"fables-qa": ("fables-qa-en", "fables-qa-zh")}
"""Names that stand for several tasks."""

DEFAULT_TRAINING = "fables-en"


def load_task(name: str, *, progress: Progress = SILENT) -> Task:
    """Return a task: ``load_task("blimp:limit=500")``.

    Args:
        name: The name of a task. Its options may follow: ``arc-easy:shots=5,seed=1``.
        progress: Receives reports of downloads.

    Raises:
        LmbenchError: There is no such task or option, or an item of the task cannot be used.
    """
    spec, options = take_options(Spec.parse(name))
    if spec.name not in TASKS:
        raise UnknownNameError("task", spec.name, [*TASKS, *FAMILIES])
    return _apply(TASKS[spec.name].load(progress), spec, options, progress)


def expand_names(names: Iterable[str], defaults: TaskOptions = NO_OPTIONS) -> list[str]:
    """Return the normalized names of tasks, each once; a family's name stands for those of its members.

    Args:
        names: Names with options.
        defaults: Options of the tasks whose names do not give them.

    Raises:
        LmbenchError: There is no such option, or it has a wrong value.
    """
    expanded = []
    for name in names:
        spec, options = take_options(Spec.parse(name))
        arguments = spec.arguments + defaults.updated(options).arguments
        expanded += [str(Spec(member, arguments)) for member in FAMILIES.get(spec.name, (spec.name,))]
    return list(dict.fromkeys(expanded))


def list_tasks() -> dict[str, NamedTask]:
    """Return the tasks that come with lmbench by name, without loading them."""
    return TASKS


def _apply(task: Task, spec: Spec, options: TaskOptions, progress: Progress) -> Task:
    """Return a task as its options say."""
    name = str(Spec(spec.name, spec.arguments + options.arguments))
    items = task.items if options.limit is None else draw_items(task.items, options.limit, options.seed)
    provenance = task.provenance + f",limit={options.limit}" * (options.limit is not None)
    task = replace(task, name=name, items=items, shots=options.shots, seed=options.seed, provenance=provenance)
    if options.train is None and task.training is not None:
        return task
    corpus = read_corpus(options.train or DEFAULT_TRAINING, progress=progress)
    return replace(task, training=corpus.training, training_name=corpus.name)
