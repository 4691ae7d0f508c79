"""The options of ``lmbench run``, and from what they and a study file ask for to the experiment that is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.inputs import refuse_corpus, refuse_task
from lmbench.cli.options import corpus_options
from lmbench.errors import LmbenchError, SpecError

if TYPE_CHECKING:
    from lmbench.corpora.options import CorpusOptions
    from lmbench.corpus import Corpus
    from lmbench.progress import Progress
    from lmbench.runs.events import RunProgress
    from lmbench.runs.experiment import Experiment, JointExperiment
    from lmbench.runs.models import BrokenModel, SelectedModel
    from lmbench.runs.study import ExperimentTable, Study
    from lmbench.runs.study_file import Source
    from lmbench.runs.templates import Workers
    from lmbench.tasks.loading import TaskLoader
    from lmbench.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Request:
    """The command line of ``lmbench run``.

    Attributes:
        file: The study file; None if there is none.
        keys: The options that are given and say the same as keys of a study, by key.
        shard: Which share of the cells to run.
        refit: Whether to fit models even if they are stored.
    """

    file: Path | None
    keys: dict[str, object]
    shard: tuple[int, int]
    refit: bool


def _parse_shard(context: click.Context, option: click.Parameter, value: str) -> tuple[int, int]:
    """Return the number of a shard, and how many there are."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", value)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"'{value}' is not a shard; write for example 3/16, for the third of sixteen")
    return int(found[1]), int(found[2])


_KEYS = (
    click.option(
        "--models",
        metavar="LIST",
        help="'all', or a comma-separated list of NAME[:option=value,…]. An option may have several values, as in "
        "kenlm:order=2..5 or ngram:smoothing=laplace,smoothing=witten-bell; label=NAME names the rows.",
    ),
    click.option(
        "--corpora",
        metavar="LIST",
        help="Comma-separated list of names, files, folders or hf:DATASET; '-' is standard input. Options may follow "
        "each of them, as in my.jsonl:field=body,documents=block or markov:order=3,lines=100000. [default: the "
        "embedded corpora, unless there are tasks]",
    ),
    click.option(
        "--tasks",
        metavar="LIST",
        help="Comma-separated list of tasks, or of files of items; `lmbench tasks` lists the named ones. Options may "
        "follow each of them, as in arc-easy:shots=5,limit=200, and --limit is the number of items. No corpora are "
        "scored then, unless --corpora names some.",
    ),
    click.option(
        "--shots",
        type=click.IntRange(0, 64),
        metavar="K",
        help="Put K solved items before each question of a task. [default: 0]",
    ),
    click.option(
        "--train-on",
        metavar="CORPUS",
        help="Corpus to fit models on before they answer a task. [default: the task's own text]",
    ),
    corpus_options,
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed for all models that have one."),
    click.option(
        "--seeds",
        type=click.IntRange(1, 1000),
        metavar="N",
        help="Evaluate each model that has a seed N times, with the seeds 0 to N-1.",
    ),
    click.option(
        "--train-size",
        metavar="LIST",
        help="Comma-separated shares of the training text to fit on, as in 1%,10%,100%: its first documents. "
        "[default: 100%]",
    ),
    click.option(
        "--train-draws",
        type=click.IntRange(1, 1000),
        metavar="K",
        help="Choose the documents of each share of the training text K times: the first ones, and others at random. "
        "[default: 1]",
    ),
    click.option(
        "--tune/--no-tune",
        default=None,
        help="Let the validation split choose the options that a model declares a grid for, as if the spec gave them "
        "the value auto; those that the spec gives stay. [default: no-tune]",
    ),
    click.option(
        "--check/--no-check", default=None, help="Run the conformance suite on each model first. [default: check]"
    ),
    click.option(
        "--audit",
        type=click.Choice(["none", "sample", "full"]),
        help="Audit each model on a few documents after scoring. 'full' also scores all documents again in a fresh "
        "process, in another order. A row that fails is marked. A resumed run evaluates the cells again that had a "
        "weaker audit. [default: sample]",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        metavar="N",
        help="Evaluate up to N cells at the same time, if their threads and memory fit. The numbers stay the same. "
        "[default: as many as help]",
    ),
    click.option(
        "--timeout",
        metavar="DURATION",
        help="Stop a cell that takes longer, as in 90s, 10m or 1h30m. It fails, and the others run on.",
    ),
    click.option(
        "--memory-limit", metavar="SIZE", help="Stop a cell whose process uses more memory, as in 512M or 2G. It fails."
    ),
    click.option(
        "--scores/--no-scores",
        default=None,
        help="Store the bits of each event, for later analyses, if the test text has at most 64 MiB. [default: scores]",
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        help="Where the cells run: in processes of this machine, or on a Ray cluster. [default: local]",
    ),
    click.option(
        "--ray-address",
        metavar="ADDRESS",
        help="The Ray cluster, as in ray://HOST:10001. [default: one that runs on this machine, or a new one]",
    ),
    click.option(
        "--out",
        metavar="PATH",
        help="Run directory. A run in it is resumed, or grows. [default: that of the study, or results/run-TIME]",
    ),
)
_OTHERS = (
    click.option(
        "--shard",
        callback=_parse_shard,
        default="1/1",
        metavar="I/N",
        help="Run only one of N shares of the cells, each in a run directory of its own; `lmbench merge` joins them.",
    ),
    click.option("--refit", is_flag=True, help="Fit models even if they were fitted on the same text and stored."),
    click.option("--quiet", is_flag=True, help="Print errors and the tables, and nothing else."),
    click.option("--json", "as_json", is_flag=True, help="Print each event as a JSON object, and no tables."),
)


_OUTPUT = ("quiet", "as_json")


def study_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add a study file and the options of a run. The command gets them as one `request`, and what it prints."""

    @wraps(command)
    def call(
        study: Path | None, defaults: CorpusOptions, shard: tuple[int, int], refit: bool, **values: object
    ) -> None:
        others = {name: values.pop(name) for name in _OUTPUT}
        given = defaults.model_dump() | {name.replace("_", "-"): value for name, value in values.items()}
        keys = {name: value for name, value in given.items() if value is not None}
        command(request=Request(study, keys, shard, refit), **others)

    decorated: Callable[..., None] = call
    for option in reversed((*_KEYS, *_OTHERS)):
        decorated = option(decorated)
    return click.argument("study", required=False, metavar="[STUDY.toml]", type=click.Path(path_type=Path))(decorated)


def read_request(request: Request, progress: Progress) -> tuple[Study, Source]:
    """Read the study that a command line asks for. Options replace keys of its file, which is announced.

    Raises:
        SpecError: The file cannot be read, or a key or a value is wrong.
    """
    from lmbench.runs.study_file import read_study

    if request.file is None and "models" not in request.keys:
        raise click.UsageError("Missing option '--models', or the path of a study file")
    study, source = read_study(request.file, request.keys)
    for option, key in source.replaced:
        progress.notice(f"--{option} replaces {key} of {request.file}")
    return study, source


def resolve_study(study: Study, source: Source, workers: Workers, progress: RunProgress) -> JointExperiment:
    """Select the models and load the corpora and tasks of a study.

    Args:
        study: The study.
        source: Where it was written.
        workers: Starts the processes in which plugins are built.
        progress: Receives reports.

    Raises:
        LmbenchError: A model, a corpus or a task is unknown, or cannot be used. The message says where it was written.
    """
    from lmbench.runs.experiment import JointExperiment
    from lmbench.runs.study import Study
    from lmbench.tasks.loading import TaskLoader

    _refuse_idle_keys(study, source)
    resolver = _Resolver(source, progress, workers, {}, TaskLoader())
    selected = [resolver.select_models(table, number) for number, table in enumerate(study.experiments)]
    _refuse_idle_seeds(study, source, selected)
    for number, table in enumerate(study.experiments):
        resolver.check_names(table, number)
    experiments, resolved = [], []
    for number, table in enumerate(study.experiments):
        experiment = resolver.load(table, number, selected[number])
        names = dict(zip((corpus.name for corpus in experiment.corpora), table.corpora, strict=True))
        for part in experiment.leave_out_pretrained():
            experiments.append(part)
            written = [model.written for model in part.models]
            tasks = [task.name for task in part.tasks]
            resolved.append(table.resolved(written, [names[corpus.name] for corpus in part.corpora], tasks))
    settings = study.settings.model_copy(update={"out": None})
    return JointExperiment(tuple(experiments), Study(experiments=tuple(resolved), settings=settings))


def _refuse_idle_keys(study: Study, source: Source) -> None:
    """Refuse keys that are for tasks if no experiment has a task."""
    if any(table.tasks for table in study.experiments):
        return
    for number, table in enumerate(study.experiments):
        for key in table.given_for_tasks:
            raise SpecError(f"{source.locate(key, table=number)}: only for tasks; name some with --tasks")


def _refuse_idle_seeds(study: Study, source: Source, selected: Sequence[Experiment]) -> None:
    """Refuse several seeds if no model of any experiment has one."""
    from lmbench.runs.models import refuse_idle_seeds

    models = [model for experiment in selected for model in experiment.models]
    for number, table in enumerate(study.experiments):
        if table.seeds:
            refuse_idle_seeds(models, source.locate("seeds", table=number))


def choose_directory(study: Study, file: Path | None) -> Path | None:
    """Return the run directory that a study names, or that its file is in; None for a new one."""
    from lmbench.runs.store import RunDirectory

    if study.settings.out is not None:
        return Path(study.settings.out)
    return file.parent if file is not None and RunDirectory.is_at(file.parent) else None


@dataclass(frozen=True, slots=True)
class _Resolver:
    """Resolves the experiments of a study.

    Attributes:
        source: Where they were written.
        progress: Receives reports.
        workers: Starts the processes in which plugins are built.
        loaded: The corpora that are loaded, by what they were loaded with.
        tasks: Loads the tasks.
    """

    source: Source
    progress: RunProgress
    workers: Workers
    loaded: dict[tuple[str, CorpusOptions, bool], Corpus]
    tasks: TaskLoader

    def select_models(self, table: ExperimentTable, number: int) -> Experiment:
        """Return the experiment of a number with its models, before it has corpora and tasks."""
        from lmbench.runs.experiment import Experiment

        self.progress("resolving models", 0.0)
        models = self._select_models(table, number)
        with self.source.blamed(number, "train-size"):
            parts = table.train_parts
        with self.source.blamed(number, "models"):
            return Experiment(models, (), table.check, table.audit, parts)

    def check_names(self, table: ExperimentTable, number: int) -> None:
        """Check the corpora and tasks that an experiment names. Nothing is read or downloaded."""
        self._check_corpora(table, number)
        self._check_tasks(table, number)

    def load(self, table: ExperimentTable, number: int, selected: Experiment) -> Experiment:
        """Return an experiment with its corpora and tasks."""
        if table.corpora:
            self.progress("loading corpora", 0.0)
        corpora = self._load_corpora(table, number, selected.models)
        if table.tasks:
            self.progress("loading tasks", 0.0)
        tasks = self._load_tasks(table, number)
        with self.source.blamed(number, "corpora"):
            return replace(selected, corpora=corpora, tasks=tasks)

    def _select_models(self, table: ExperimentTable, number: int) -> tuple[SelectedModel | BrokenModel, ...]:
        from lmbench.model import ModelSpec
        from lmbench.runs.models import select_model, unite_models

        selected: list[SelectedModel | BrokenModel] = []
        if not table.models:
            with self.source.blamed(number, "models"):
                raise SpecError(f"no model is named; {ModelSpec.list_hint}")
        for item, spec in enumerate(table.models):
            with self.source.blamed(number, "models", item):
                selected += select_model(ModelSpec.parse(spec), table.all_seeds, self.workers.start, table.tune)
        return unite_models(selected)

    def _check_corpora(self, table: ExperimentTable, number: int) -> None:
        from lmbench.corpora.loading import check_corpus, refuse_idle_options

        if not table.corpora and not table.tasks:
            key = "corpora" if "tasks" not in table.model_fields_set else "tasks"
            raise LmbenchError(
                f"{self.source.locate(key, table=number)} is empty; leave it out to use the embedded corpora"
            )
        defaults = table.corpus_options
        with self.source.blamed(number, "corpora"):
            refuse_idle_options(table.corpora, defaults)
            if not table.corpora and (given := defaults.given_for_text):
                raise SpecError(f"--{given[0]}: only for your own text, and no corpora are named")
        for item, name in enumerate(table.corpora):
            with self.source.blamed(number, "corpora", item):
                refuse_task(name)
                check_corpus(name, defaults)

    def _check_tasks(self, table: ExperimentTable, number: int) -> None:
        from lmbench.corpora.loading import check_corpus
        from lmbench.tasks.loading import expand_names

        if table.train_on is not None:
            with self.source.blamed(number, "train-on"):
                refuse_task(table.train_on, "models are fitted on a corpus, such as fables-en")
                check_corpus(table.train_on)
        for item, written in enumerate(table.tasks):
            with self.source.blamed(number, "tasks", item):
                refuse_corpus(written)
                expand_names([written], table.task_options)

    def _load_corpora(
        self, table: ExperimentTable, number: int, models: Sequence[SelectedModel | BrokenModel]
    ) -> tuple[Corpus, ...]:
        """Load the corpora. Users' files are scored as a whole if no model is fitted on them."""
        from lmbench.runs.experiment import announce_divided
        from lmbench.runs.models import SelectedModel

        pretrained = {model.pretrained for model in models if isinstance(model, SelectedModel)}
        corpora = []
        for item, name in enumerate(table.corpora):
            with self.source.blamed(number, "corpora", item):
                corpora.append(self._load_corpus(name, table.corpus_options, pretrained == {True}))
        if len(pretrained) == 2:
            announce_divided(corpora, self.progress)
        return tuple(corpora)

    def _load_tasks(self, table: ExperimentTable, number: int) -> tuple[Task, ...]:
        from lmbench.cli.displays import LoadingProgress
        from lmbench.tasks.loading import expand_names

        tasks: dict[str, Task] = {}
        for item, written in enumerate(table.tasks):
            with self.source.blamed(number, "tasks", item):
                for name in expand_names([written], table.task_options):
                    tasks[name] = self.tasks.load(name, LoadingProgress(self.progress))
        return tuple(tasks.values())

    def _load_corpus(self, name: str, defaults: CorpusOptions, whole: bool) -> Corpus:
        from lmbench.cli.displays import LoadingProgress
        from lmbench.corpora.loading import read_corpus

        key = (name, defaults, whole)
        if key not in self.loaded:
            self.loaded[key] = read_corpus(name, defaults, LoadingProgress(self.progress), whole)
        return self.loaded[key]
