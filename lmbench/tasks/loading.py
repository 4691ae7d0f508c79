"""From a task's name to the task: the project's own, a public one, a plugin's, or the user's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from lmbench.corpora import fetching
from lmbench.corpora.catalog import find_entry
from lmbench.corpora.loading import EMBEDDED, check_corpus, read_corpus
from lmbench.corpora.names import divide_name, find_path, is_path
from lmbench.corpora.synthetic.sources import read_options
from lmbench.corpus import Corpus
from lmbench.errors import LmbenchError, SpecError, TaskError, UnknownNameError
from lmbench.progress import SILENT, Progress
from lmbench.spec import Spec
from lmbench.tasks import fables, public, synthetic
from lmbench.tasks.minimal_pairs import MinimalPairs
from lmbench.tasks.options import NO_OPTIONS, TaskOptions, TaskSpec, take_options
from lmbench.tasks.plugins import list_plugins
from lmbench.tasks.sampling import draw_items, hold_out_examples
from lmbench.tasks.task import Task
from lmbench.tasks.task_files import check_options, is_task_file, load_file


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

    @property
    def is_local(self) -> bool:
        """Whether the task can be loaded without a download."""
        return not self.entry or fetching.is_local(find_entry(self.entry))


def _embedded(load: Callable[[], Task]) -> Callable[[Progress], Task]:
    return lambda progress: load()


_PAIRS = "acceptable and unacceptable sentences of English"

TASKS: dict[str, NamedTask] = {
    "fables-qa-en": NamedTask(
        "question-answering",
        "a question about each fable in English, with four answers",
        _embedded(partial(fables.load_questions, "en")),
    ),
    "fables-qa-zh": NamedTask(
        "question-answering",
        "a question about each fable in Chinese, with four answers",
        _embedded(partial(fables.load_questions, "zh")),
    ),
    "fables-translate-en-zh": NamedTask(
        "translation",
        "titles and morals of the fables, from English into Chinese",
        _embedded(partial(fables.load_translations, "en", "zh")),
    ),
    "fables-translate-zh-en": NamedTask(
        "translation",
        "titles and morals of the fables, from Chinese into English",
        _embedded(partial(fables.load_translations, "zh", "en")),
    ),
    "fables-summarize-en": NamedTask(
        "summarization",
        "the moral of each fable in English among others",
        _embedded(partial(fables.load_morals, "en")),
    ),
    "fables-summarize-zh": NamedTask(
        "summarization",
        "the moral of each fable in Chinese among others",
        _embedded(partial(fables.load_morals, "zh")),
    ),
    synthetic.NAME: NamedTask(
        "translation",
        "sentences of a synthetic language pair, with options of the source of this name",
        _embedded(partial(synthetic.load_translation, synthetic.NAME)),
    ),
    "blimp": NamedTask("minimal-pairs", f"BLiMP: {_PAIRS}", partial(public.load_blimp, "blimp"), "blimp"),
    "blimp-half": NamedTask(
        "minimal-pairs", f"34 of BLiMP's 67 paradigms: {_PAIRS}", partial(public.load_blimp, "blimp-half"), "blimp-half"
    ),
    "arc-easy": NamedTask(
        "multiple-choice", "the easy questions of ARC, from school science", public.load_arc_easy, "multiple-choice"
    ),
    "copa": NamedTask(
        "multiple-choice", "the more plausible of two causes or effects", public.load_copa, "multiple-choice"
    ),
    "lambada": NamedTask("cloze", "the last word of passages of novels", public.load_lambada, "lambada"),
}
"""The tasks that come with lmbench."""

FAMILIES = {
    "fables-qa": ("fables-qa-en", "fables-qa-zh"),
    "fables-translate": ("fables-translate-en-zh", "fables-translate-zh-en"),
    "fables-summarize": ("fables-summarize-en", "fables-summarize-zh"),
    "all": tuple(name for name, task in TASKS.items() if not task.entry),
}
"""Names that stand for several tasks; "all" for those that need no download."""

_DEFAULT_TRAINING = "fables-en"


def load_task(name: str, *, progress: Progress = SILENT) -> Task:
    """Return a task: ``load_task("blimp:limit=500")``.

    Args:
        name: The name of a task, or the path of a user's file. Options may follow: ``arc-easy:shots=5,seed=1``,
            ``my.jsonl:kind=multiple-choice``.
        progress: Receives reports of downloads.

    Raises:
        LmbenchError: There is no such task or option, or an item of the task cannot be used.
    """
    return TaskLoader().load(name, progress)


def load_items(name: str, progress: Progress = SILENT) -> Task:
    """Return a task as `load_task` does, without reading the corpus that models are fitted on. Raises as it does."""
    task, _ = _load_without_corpus(name, progress)
    return task


class TaskLoader:
    """Loads each task once, and once each corpus that models are fitted on for one or several of them."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._corpora: dict[str, Corpus] = {}

    def load(self, name: str, progress: Progress = SILENT) -> Task:
        """Return a task; see `load_task`."""
        if name not in self._tasks:
            self._tasks[name] = self._load(name, progress)
        return self._tasks[name]

    def _load(self, name: str, progress: Progress) -> Task:
        if train := take_options(_parse(name))[1].train:
            check_corpus(train)
        task, corpus_name = _load_without_corpus(name, progress)
        if not corpus_name:
            return task
        if corpus_name not in self._corpora:
            self._corpora[corpus_name] = read_corpus(corpus_name, progress=progress)
        corpus = self._corpora[corpus_name]
        return replace(task, training=corpus.training, training_name=corpus.name)


def expand_names(names: Iterable[str], defaults: TaskOptions = NO_OPTIONS) -> list[str]:
    """Return the normalized names of tasks, each once; a name that stands for several is replaced by theirs.

    Args:
        names: Names with options.
        defaults: Options of the tasks whose names do not give them.

    Raises:
        LmbenchError: A task or an option is unknown, an option has a wrong value, or the task cannot have it.
    """
    expanded = []
    for name in names:
        spec, given = take_options(_parse(name))
        options = defaults.updated(given)
        if options.train:
            check_corpus(options.train)
        for member in FAMILIES.get(spec.name, (spec.name,)):
            task = Spec(member, spec.arguments)
            _check(task, options)
            expanded.append(_full_name(task, options))
    return list(dict.fromkeys(expanded))


def list_tasks() -> dict[str, NamedTask]:
    """Return the tasks that come with lmbench by name, without loading them. `list_plugins` has those of plugins."""
    return TASKS


def known_names() -> list[str]:
    """Return the names of all tasks, families and plugins."""
    return list(dict.fromkeys([*TASKS, *FAMILIES, *list_plugins()]))


def _parse(name: str) -> Spec:
    """Return a name and its options; the longest path that exists is a name, colons included."""
    spec = divide_name(name)
    return spec if is_path(spec.name) else TaskSpec.parse(name)


def _full_name(spec: Spec, options: TaskOptions) -> str:
    """Return the normalized name of a task with the options that differ from its defaults."""
    is_file = is_task_file(spec.name) and "shots" in options.model_fields_set  # it has a default of its own
    shots = (("shots", "0"),) if is_file and not options.shots else ()
    return str(Spec(spec.name, spec.arguments + options.arguments + shots))


def _load_without_corpus(name: str, progress: Progress) -> tuple[Task, str]:
    """Return a task, and the name of the corpus that models are fitted on; "" if the task brings its own text."""
    spec, options = take_options(_parse(name))
    _check(spec, options)
    whole, train = _load_whole(spec, options, progress)
    task = _apply(whole, spec, options)
    default = _default_training(task) if task.training is None else ""
    return task, options.train or train or default


def _load_whole(spec: Spec, options: TaskOptions, progress: Progress) -> tuple[Task, str]:
    """Return all of a task, and the corpus that its file names for training; "" if none."""
    name = spec.name
    if name == synthetic.NAME:
        seed = (("seed", str(options.seed)),) if options.seed else ()
        return synthetic.load_translation(str(Spec(name, spec.arguments + seed))), ""
    if name not in TASKS and name not in list_plugins():
        return load_file(spec)
    return TASKS[name].load(progress) if name in TASKS else list_plugins()[name].load(), ""


def _check(spec: Spec, options: TaskOptions) -> None:
    """Refuse the name of a task, and options that it cannot have, as far as that is known before it is loaded."""
    name = spec.name
    _check_name(name)
    if name in FAMILIES:
        raise LmbenchError(f"'{name}' stands for {', '.join(FAMILIES[name])}; load one of them")
    _check_own_options(spec)
    kind = TASKS[name].kind if name in TASKS else dict(spec.arguments).get("kind")
    if kind == MinimalPairs.kind:
        _refuse_shots(name, options.shots)


def _check_own_options(spec: Spec) -> None:
    """Check the options that not every task takes."""
    if spec.name == synthetic.NAME:
        read_options(str(spec))
    elif spec.name in TASKS or spec.name in list_plugins():
        spec.options(TaskOptions)  # says that there is no such option
    else:
        check_options(spec)


def _check_name(name: str) -> None:
    """Raise UnknownNameError or TaskError if nothing has this name."""
    if name in TASKS or name in FAMILIES or name in list_plugins() or is_path(name):
        return
    path = find_path(name)
    if len(path.parts) > 1 or path.suffix:
        raise TaskError(f"no such file: '{name}'; a task is a file or one of: {', '.join(known_names())}")
    raise UnknownNameError("task", name, known_names())


def _apply(task: Task, spec: Spec, options: TaskOptions) -> Task:
    """Return a task as its options say."""
    shots = options.shots if "shots" in options.model_fields_set else task.shots
    if isinstance(task, MinimalPairs):
        _refuse_shots(spec.name, shots)
    task = replace(task, name=_full_name(spec, options), seed=options.seed, shots=shots)
    if shots > len(task.examples) > 0:
        raise SpecError(f"{spec.name}: shots={shots}: it has examples for {len(task.examples)} at most")
    if shots > len(task.examples):
        task = hold_out_examples(task)
    if options.limit is None:
        return task
    items = draw_items(task.items, options.limit, options.seed)
    return replace(task, items=items, provenance=f"{task.provenance},limit={options.limit}")


def _refuse_shots(name: str, shots: int) -> None:
    if shots:
        raise SpecError(
            f"{name}: shots={shots}: minimal pairs have no question that solved items could stand before; leave "
            f"shots out, or write {name}:shots=0 beside other tasks"
        )


def _default_training(task: Task) -> str:
    """Return the name of the corpus for a task without a training text, in its language if there is one."""
    own = f"fables-{task.language}"
    return own if own in EMBEDDED else _DEFAULT_TRAINING
