"""The jobs of a run: a cell, or the conformance suite on a model. Each is done by processes of its own.

A model that raises, leaks memory or crashes the interpreter then costs one job and not the run, and the peak memory
that is measured is that of the job alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from lmbench.checks import ChangedOption, Outcome, changed_options, check_model, check_spec, find_doubt
from lmbench.errors import LmbenchError, PluginError, ResultsError, UnavailableError, describe, reason
from lmbench.printable import printable
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.cell_files import (
    DOCUMENTS,
    ITEMS,
    LOG,
    RESPONSES,
    write_cell,
    write_documents,
    write_items,
    write_responses,
)
from lmbench.runs.cells import CellJob, CellResult, Places, evaluate_cell
from lmbench.runs.here import WorkHere
from lmbench.runs.machine import describe_provenance, metered
from lmbench.runs.models import ModelSource, SelectedModel
from lmbench.runs.objects import ModelObject
from lmbench.runs.records import Cell, Costs, Provenance, Row, Verification
from lmbench.runs.reports import SendingProgress, repeat_report
from lmbench.runs.rescoring import score_again
from lmbench.runs.store import cell_place, check_log_place, close_log
from lmbench.runs.task_cells import TaskJob, TaskResult, evaluate_task
from lmbench.runs.task_tables import list_items, list_responses
from lmbench.runs.templates import Workers
from lmbench.runs.worker import UNLIMITED, Channel, Limits, Worker, as_error, find_log
from lmbench.tasks.task import Task

Result = TypeVar("Result")

_PACKAGES = {"nltk": "NLTK", "scipy": "SciPy", "torch": "PyTorch", "transformers": "Transformers"}


@dataclass(frozen=True, slots=True)
class CheckJob:
    """The conformance suite on a model.

    Attributes:
        model: The model.
        key: The identity of the model and the version of the suite.
    """

    model: SelectedModel
    key: str


Job = CellJob | TaskJob | CheckJob


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a job is done, and what it may use.

    Attributes:
        folder: An empty folder for its files.
        workers: Starts its processes.
        limits: What each process may use.
        company: Returns how many other jobs were at work at the same time, at most.
        report_memory: Is called about once a second with the resident memory of the process at work, in bytes.
    """

    folder: Path
    workers: Workers
    limits: Limits = UNLIMITED
    company: Callable[[], int] = field(default=lambda: 0)
    report_memory: Callable[[int], None] = field(default=lambda size: None)


@dataclass(frozen=True, slots=True)
class Done:
    """A job that has ended.

    Attributes:
        job: The job.
        folder: The folder with its files.
        cell: The cell, if the job was that of one.
        verification: The results of the suite if the job was to run it; None if the model's weights are missing.
        outcomes: The outcomes of the suite's scoring checks on the cell's model; empty if they were not run.
    """

    job: Job
    folder: Path
    cell: Cell | None = None
    verification: Verification | None = None
    outcomes: tuple[Outcome, ...] = ()


def do_job(job: Job, desk: Desk, progress: Progress) -> Done:
    """Do a job. Whatever goes wrong in it is its result.

    Raises:
        ResultsError: Its files cannot be written.
    """
    if isinstance(job, CheckJob):
        return _do_checks(job, desk, progress)
    return _do_cell(job, desk, progress) if isinstance(job, CellJob) else _do_task(job, desk, progress)


def describe_failure(row: Row, error: LmbenchError) -> Cell:
    """Return the cell of a row that cannot be evaluated."""
    status: Literal["unavailable", "failed"] = "unavailable" if isinstance(error, UnavailableError) else "failed"
    return Cell(
        key=row.key,
        model=row.model,
        corpus=row.corpus,
        train_size=row.train_size,
        status=status,
        error=printable(str(error)),
        kind=row.kind,
    )


def _do_cell(job: CellJob, desk: Desk, progress: Progress) -> Done:
    measured = _measure(partial(_evaluate, job, desk, progress), job, desk)
    result = measured.result
    if isinstance(result, LmbenchError):
        return Done(job, desk.folder, _write_failure(job, desk.folder, result, measured.provenance))
    cell = _describe(job, result).model_copy(update=measured.facts(result.record.costs(job.corpus)))
    return Done(job, desk.folder, _write(job, desk.folder, cell, result), outcomes=result.outcomes)


def _do_task(job: TaskJob, desk: Desk, progress: Progress) -> Done:
    measured = _measure(partial(_evaluate_task, job, desk, progress), job, desk)
    result = measured.result
    if isinstance(result, LmbenchError):
        return Done(job, desk.folder, _write_failure(job, desk.folder, result, measured.provenance))
    cell = _describe_task(job, result).model_copy(update=measured.facts(result.costs))
    return Done(job, desk.folder, _write_task(job.task, desk.folder, cell, result))


@dataclass(frozen=True, slots=True)
class _Measured(Generic[Result]):
    """The result of a cell's work, or its error, and what the work cost besides what its process says."""

    result: Result | LmbenchError
    provenance: Provenance
    costs: dict[str, object]

    def facts(self, costs: Costs) -> dict[str, object]:
        """Return the costs, given those that the process says, and the provenance, as a cell has them."""
        return {"costs": costs.model_copy(update=self.costs), "provenance": self.provenance}


def _measure(work: Callable[[], Result | LmbenchError], job: CellJob | TaskJob, desk: Desk) -> _Measured[Result]:
    """Do the work of a cell, and measure what it costs."""
    started, cpu_started = time.perf_counter(), time.process_time()
    provenance = describe_provenance(job.model.needs.threads)
    with metered() as energy:
        result = _attempt(work, desk.folder)
    costs: dict[str, object] = {
        "wall_seconds": time.perf_counter() - started,
        "joules": energy.get("joules"),
        "company": desk.company(),
    }
    if job.model.runs_here:
        costs |= {"peak_bytes": None, "cpu_seconds": time.process_time() - cpu_started}
    return _Measured(result, provenance, costs)


def _write_failure(job: CellJob | TaskJob, folder: Path, error: LmbenchError, provenance: Provenance) -> Cell:
    return write_cell(folder, describe_failure(job.row, error).model_copy(update={"provenance": provenance}), ())


def _evaluate_task(job: TaskJob, desk: Desk, progress: Progress) -> TaskResult | LmbenchError:
    places = Places(desk.folder, cell_place(job.row))
    result = evaluate_task(_start(job, desk, progress), job, places, progress, desk.limits)
    close_log(places.log)
    return result


def _evaluate(job: CellJob, desk: Desk, progress: Progress) -> CellResult | LmbenchError:
    """Return the results of a cell, or the error that ended it."""
    if job.audit != "full":
        return _evaluate_once(job, desk, Places(desk.folder, cell_place(job.row)), progress)
    with TemporaryDirectory(dir=desk.folder.parent) as folder:  # the next run removes it if this one is killed
        places = Places(desk.folder, cell_place(job.row), Path(folder))
        result = _evaluate_once(job, desk, places, progress)
        if isinstance(result, CellResult) and result.can_be_rescored:
            start_work = partial(_start(job, desk, progress, other=True).run, limits=desk.limits)
            return replace(result, audit=score_again(start_work, job, places, result, progress))
        return result


def _attempt(work: Callable[[], Result], folder: Path) -> Result | LmbenchError:
    """Return what work returns, or the error that it raises, which ends one job alone.

    Raises:
        ResultsError: The files of the job cannot be written.
    """
    try:
        return work()
    except ResultsError:
        raise
    except LmbenchError as error:
        return error
    except OSError as error:
        raise ResultsError(f"cannot write {folder}: {error.strerror or error}") from error
    except Exception as error:  # noqa: BLE001  (a plugin's process may send anything)
        return LmbenchError(describe(error))


def _evaluate_once(job: CellJob, desk: Desk, places: Places, progress: Progress) -> CellResult | LmbenchError:
    result = evaluate_cell(_start(job, desk, progress), job, places, progress, desk.limits)
    close_log(places.log)
    return result


def _start(job: Job, desk: Desk, progress: Progress, other: bool = False) -> Worker | WorkHere:
    """Start a process for a job, unless its model runs in this one.

    An `other` process has another order of sets than the first; see `Workers.start`.
    """
    if job.model.runs_here:
        return WorkHere()
    needs = job.model.needs
    if packages := dict.fromkeys(name.partition(".")[0] for name in needs.libraries if not name.startswith("lmbench.")):
        progress(f"loading {', '.join(_PACKAGES.get(package, package) for package in packages)}", 0.0)
    worker = desk.workers.start(needs.libraries, needs.threads, other)
    worker.report_memory(desk.report_memory)
    return worker


def _write(job: CellJob, folder: Path, cell: Cell, result: CellResult) -> Cell:
    try:
        write_documents(folder / DOCUMENTS, result.counts, job.corpus.floor if result.record.normalized else None)
    except OSError as error:
        raise ResultsError(f"cannot write {folder / DOCUMENTS}: {error.strerror or error}") from error
    return write_cell(folder, cell, result.record.exhibits)


def _write_task(task: Task, folder: Path, cell: Cell, result: TaskResult) -> Cell:
    try:
        write_items(folder / ITEMS, list_items(task, result.items))
        write_responses(folder / RESPONSES, list_responses(result.items))
    except OSError as error:
        raise ResultsError(f"cannot write {folder}: {error.strerror or error}") from error
    return write_cell(folder, cell, result.record.exhibits)


def _describe_task(job: TaskJob, result: TaskResult) -> Cell:
    return _describe_model(job.row, result).model_copy(update={"kind": "task", "figures": result.figures})


def _describe(job: CellJob, result: CellResult) -> Cell:
    numbers = {
        "pseudo": not result.record.normalized,
        "metrics": result.metrics,
        "audit_kind": result.audit_kind,
        "audit": result.audit,
        "impossible": bool(result.excess),
        "doubt": "; ".join(_find_doubts(result)),
    }
    return _describe_model(job.row, result).model_copy(update=numbers)


def _describe_model(row: Row, result: CellResult | TaskResult) -> Cell:
    """Return the cell of a row whose evaluation ended well, without its numbers."""
    return Cell(
        key=row.key,
        model=row.model,
        corpus=row.corpus,
        train_size=row.train_size,
        status="ok",
        pretrained=result.record.pretrained,
        signature=str(result.signature),
        remarks=result.record.remarks,
    )


def _find_doubts(result: CellResult) -> Iterator[str]:
    """Yield why the numbers cannot be trusted, the most serious reason first."""
    if result.excess:
        yield f"impossible: {result.excess}"
    if result.audit and result.audit.failure:
        yield f"audit failed: {result.audit.failure}"


class _Checked(BaseModel):
    """The outcomes of a model's checks, and the options that were changed for them."""

    outcomes: tuple[Outcome, ...]
    changed: tuple[ChangedOption, ...]


def _do_checks(job: CheckJob, desk: Desk, progress: Progress) -> Done:
    log = desk.folder / LOG
    result = _attempt(partial(_check, job, desk, log, progress), desk.folder)
    close_log(log)
    if isinstance(result, UnavailableError):  # the model's cells give the reason
        return Done(job, desk.folder)
    return Done(job, desk.folder, verification=_verify(job, result))


def _check(job: CheckJob, desk: Desk, log: Path, progress: Progress) -> _Checked | LmbenchError:
    """Return the results of a model's checks, or the error that ended them."""
    work, receive = partial(_check_in_process, job.model.source), partial(repeat_report, progress)
    result = _start(job, desk, progress).run(work, log, receive, desk.limits)
    if not isinstance(result, str):
        return as_error(result, find_log(log, check_log_place(job.model.label)))
    try:
        return _Checked.model_validate_json(result)
    except ValidationError as error:
        return PluginError(f"the process sent a result that is not valid: {reason(error)}")


def _verify(job: CheckJob, result: _Checked | LmbenchError) -> Verification:
    label = job.model.label
    if isinstance(result, LmbenchError):
        doubt = f"the suite did not end: {printable(str(result))}"
        return Verification(model=label, key=job.key, doubt=doubt, outcomes=())
    doubt = find_doubt(result.outcomes)
    return Verification(model=label, key=job.key, doubt=doubt, outcomes=result.outcomes, changed=result.changed)


def _check_in_process(source: ModelSource, channel: Channel) -> str:
    """Return a _Checked as JSON."""
    progress = CheckedProgress(SendingProgress(channel))
    progress("checking", 0.0)
    if isinstance(source, ModelObject):
        outcomes, changed = check_model(source.quickened().build, progress), source.changed_options()
    else:
        outcomes, changed = check_spec(source, progress), changed_options(source)
    return _Checked(outcomes=outcomes, changed=changed).model_dump_json()
