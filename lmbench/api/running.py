"""Run models on corpora and tasks from Python."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from lmbench.api.arguments import (
    Corpora,
    Models,
    Tasks,
    check_names,
    gather_corpora,
    gather_tasks,
    has_objects,
    list_names,
    select_models,
)
from lmbench.api.progress import open_progress
from lmbench.api.results import Results
from lmbench.errors import SpecError
from lmbench.runs import runner
from lmbench.runs.engines import LocalEngine
from lmbench.runs.events import RunProgress
from lmbench.runs.experiment import Experiment, JointExperiment, announce_divided
from lmbench.runs.machine import count_cpus
from lmbench.runs.models import SelectedModel, refuse_idle_seeds
from lmbench.runs.store import RunDirectory
from lmbench.runs.study import EMBEDDED, ExperimentTable, Settings, Study
from lmbench.runs.study_file import explain
from lmbench.runs.templates import Workers
from lmbench.runs.worker import Limits
from lmbench.tasks.task import Task

Keys = TypeVar("Keys", ExperimentTable, Settings)


def run(
    models: Models,
    corpora: Corpora | None = None,
    tasks: Tasks = (),
    *,
    out: str | Path | None = None,
    seeds: int | Sequence[int] = (),
    train_size: str | Sequence[str] = "100%",
    train_draws: int = 1,
    tune: bool = False,
    check: bool = True,
    audit: Literal["none", "sample", "full"] = "sample",
    shots: int | None = None,
    limit: int | None = None,
    train_on: str | None = None,
    jobs: int | None = None,
    timeout: float | str | None = None,
    memory_limit: int | str | None = None,
    refit: bool = False,
    progress: bool = True,
) -> Results:
    """Evaluate models on corpora and tasks: ``lmbench.run("kenlm:order=3,hmm", "fables-en", tasks="fables-qa")``.

    A model is fitted on the training split of each corpus, unless it is pretrained, and scores the test split. Before
    it answers a task, it is fitted on the task's training text. A model that fails has its error in the results, and
    the others run on. Ctrl-C keeps what is done.

    Args:
        models: Specs as on the command line, in one string or a list; instances or classes of models; or a dict that
            gives each of them a label. An instance stays as it is: copies of it are fitted. A class that another
            process cannot import, such as one that is defined in a notebook, runs in this process.
        corpora: Names or paths as on the command line, in one string or a list; corpora; lists of documents, or columns
            of data frames, which are divided as `Corpus.from_texts` does; or a dict that gives each of them a name.
            By default the embedded corpora, or none if there are tasks.
        tasks: Names or files as on the command line, in one string or a list, or tasks.
        out: A run directory to store the results in, which resumes or grows if it exists; None for a temporary one.
        seeds: Evaluate each model that has a seed with several: how many, or which.
        train_size: The shares of the training split on which each model is fitted, such as "1%,10%,100%".
        train_draws: How many times the documents of each share are chosen: the first ones, and others at random.
        tune: Whether each model tunes the options of its grid that its spec leaves open.
        check: Whether the models go through the conformance suite first.
        audit: How each model is audited after scoring; "full" scores all documents again, in another order.
        shots: How many solved items stand before each question of a task; by default as its name says, or none.
        limit: How many items of each task to ask; all by default.
        train_on: The corpus on which models are fitted before they answer, instead of the text of each task.
        jobs: How many cells may be evaluated at the same time; None for as many as help.
        timeout: The longest that one cell may take, in seconds or as in "10m"; a slower one fails.
        memory_limit: The memory that the process of one cell may use, in bytes or as in "2G".
        refit: Whether to fit models even if they were fitted on the same text and stored.
        progress: Whether to show progress in a notebook or a terminal.

    Raises:
        LmbenchError: A model, a corpus or a task is unknown or cannot be used, or the results cannot be stored.
    """
    sizes = {"train-size": _plain(train_size), "train-draws": train_draws}
    options = sizes | {"tune": tune, "check": check, "audit": audit}
    options |= {"shots": shots, "limit": limit, "train-on": train_on}
    given_seeds = _plain(seeds)
    table = _validate(ExperimentTable, options if given_seeds == () else options | {"seeds": given_seeds})
    _refuse_idle_options(tasks, table)
    settings = _validate(Settings, {"jobs": jobs, "timeout": timeout, "memory-limit": memory_limit})
    path = _find_place(out)
    with open_progress(progress) as shown, Workers() as workers:
        workers.prepare()
        asked = _Asked(models, EMBEDDED if corpora is None and not _is_given(tasks) else corpora, tasks)
        experiment = _resolve(asked, Study(experiments=(table,), settings=settings), workers, shown)
        engine = LocalEngine(workers, settings.jobs or count_cpus(), Limits(settings.timeout, settings.memory_limit))
        do = partial(_run, experiment, engine=engine, progress=shown, options=runner.RunOptions(use_store=not refit))
        show = partial(
            Results,
            texts=[corpus for part in experiment.parts for corpus in part.corpora],
            tasks=[task for part in experiment.parts for task in part.tasks],
        )
        return _run_in_temporary_folder(do, show) if path is None else show(do(path))


def _find_place(out: str | Path | None) -> Path | None:
    """Return the path of a run directory; None for a temporary one.

    Raises:
        ResultsError: Something else is there.
    """
    if out is None:
        return None
    path = Path(out).expanduser()
    RunDirectory.refuse_other(path)
    return path


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a program asks for: models, and on what to evaluate them; None for no corpora."""

    models: Models
    corpora: Corpora | None
    tasks: Tasks


def _is_given(tasks: Tasks) -> bool:
    return isinstance(tasks, Task) or len(tasks) > 0


def _refuse_idle_options(tasks: Tasks, table: ExperimentTable) -> None:
    """Refuse options that are for tasks if there are none."""
    given = [*table.given_for_tasks, *(["limit"] if table.limit is not None else [])]
    if given and not _is_given(tasks):
        raise SpecError(f"{given[0].replace('-', '_')}: only for tasks; name some with tasks=")


def _run_in_temporary_folder(do: Callable[[Path], RunDirectory], show: Callable[[RunDirectory], Results]) -> Results:
    """Return the results of a run in a temporary folder, which is removed with them, or if there are none."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="lmbench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        path = folder / "run"  # with usual permissions, which a copy of it keeps
        try:
            results = show(do(path))
        except KeyboardInterrupt:
            if RunDirectory.is_at(path) and RunDirectory.open(path).all_cells():
                stack.pop_all()  # the run can be resumed
            raise
        weakref.finalize(results, stack.pop_all().close)
    return results


def _plain(value: object) -> object:
    """Return several values, such as a range or an array, as a tuple, and anything else as it is."""
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _validate(kind: type[Keys], values: dict[str, object]) -> Keys:
    """Return the options of a run that are of one kind."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("-", "_")
        raise SpecError(f"{name}: {explain(first['type'], first['msg'], first['input'])}") from error


def _resolve(asked: _Asked, study: Study, workers: Workers, progress: RunProgress) -> JointExperiment:
    """Select the models and load the corpora and tasks.

    Args:
        asked: The models, the corpora and the tasks.
        study: The options of the run, in an experiment without models and corpora.
        workers: Starts the processes in which plugins are built.
        progress: Receives reports.
    """
    [table] = study.experiments
    progress("resolving models", 0.0)
    selected = select_models(asked.models, table, workers.start)
    if table.seeds:
        refuse_idle_seeds(selected, "seeds")
    experiment = Experiment(selected, (), table.check, table.audit, table.train_parts)
    check_names(asked.corpora, asked.tasks, table.task_options)
    pretrained = {model.pretrained for model in selected if isinstance(model, SelectedModel)}
    progress("loading corpora", 0.0)
    texts = () if asked.corpora is None else gather_corpora(asked.corpora, pretrained == {True}, progress)
    tasks = gather_tasks(asked.tasks, table.task_options, progress)
    if len(pretrained) == 2:
        announce_divided(texts, progress)
    parts = replace(experiment, corpora=texts, tasks=tasks).leave_out_pretrained()
    names = [] if asked.corpora is None else list_names(asked.corpora)
    if (
        names is None
        or has_objects(asked.tasks)
        or any(isinstance(model, SelectedModel) and model.given for model in selected)
    ):
        return JointExperiment(parts)  # no study can name the objects of a program
    table = table.model_copy(update={"limit": None})  # it is for tasks alone, whose names say it by now
    named = dict(zip((corpus.name for corpus in texts), names, strict=True))
    tables = [
        table.resolved(
            [model.written for model in part.models],
            [named[corpus.name] for corpus in part.corpora],
            [task.name for task in part.tasks],
        )
        for part in parts
    ]
    return JointExperiment(parts, study.model_copy(update={"experiments": tuple(tables)}))


def _run(
    experiment: JointExperiment, path: Path, *, engine: LocalEngine, progress: RunProgress, options: runner.RunOptions
) -> RunDirectory:
    """Run the experiment. An interrupt gets a note that says what is stored, and how to resume."""
    try:
        return runner.run(experiment, path, engine, progress, options)
    except KeyboardInterrupt as stop:
        if RunDirectory.is_at(path):
            directory = RunDirectory.open(path)
            if directory.all_cells():
                stop.add_note(f"{directory.describe_stored()}; resume with out={str(path)!r}")
        raise
