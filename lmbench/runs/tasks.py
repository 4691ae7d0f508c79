"""The tasks of a run: a cell, or the conformance suite on a model. Each is done by processes of its own.

A model that raises, leaks memory or crashes the interpreter then costs one task and not the run, and the peak memory
that is measured is that of the task alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from lmbench.checks import ChangedOption, Outcome, changed_options, check_model, check_spec, find_doubt
from lmbench.errors import LmbenchError, PluginError, ResultsError, UnavailableError, describe, reason
from lmbench.printable import printable
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.cell_files import DOCUMENTS, LOG, write_cell, write_documents
from lmbench.runs.cells import CellResult, CellTask, Places, evaluate_cell
from lmbench.runs.here import WorkHere
from lmbench.runs.machine import describe_provenance, metered
from lmbench.runs.models import ModelSource, SelectedModel
from lmbench.runs.objects import ModelObject
from lmbench.runs.records import Cell, Row, Verification
from lmbench.runs.reports import SendingProgress, repeat_report
from lmbench.runs.rescoring import score_again
from lmbench.runs.store import cell_place, check_log_place, close_log
from lmbench.runs.templates import Workers
from lmbench.runs.worker import UNLIMITED, Channel, Limits, Worker, as_error, find_log

Result = TypeVar("Result")

_PACKAGES = {"nltk": "NLTK", "scipy": "SciPy", "torch": "PyTorch", "transformers": "Transformers"}


@dataclass(frozen=True, slots=True)
class CheckTask:
    """The conformance suite on a model.

    Attributes:
        model: The model.
        key: The identity of the model and the version of the suite.
    """

    model: SelectedModel
    key: str


Task = CellTask | CheckTask


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a task is done, and what it may use.

    Attributes:
        folder: An empty folder for its files.
        workers: Starts its processes.
        limits: What each process may use.
        company: Returns how many other tasks were at work at the same time, at most.
        report_memory: Is called about once a second with the resident memory of the process at work, in bytes.
    """

    folder: Path
    workers: Workers
    limits: Limits = UNLIMITED
    company: Callable[[], int] = field(default=lambda: 0)
    report_memory: Callable[[int], None] = field(default=lambda size: None)


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has ended.

    Attributes:
        task: The task.
        folder: The folder with its files.
        cell: The cell, if the task was one.
        verification: The results of the suite if the task was to run it; None if the model's weights are missing.
        outcomes: The outcomes of the suite's scoring checks on the cell's model; empty if they were not run.
    """

    task: Task
    folder: Path
    cell: Cell | None = None
    verification: Verification | None = None
    outcomes: tuple[Outcome, ...] = ()


def do_task(task: Task, desk: Desk, progress: Progress) -> Done:
    """Do a task. Whatever goes wrong in it is its result.

    Raises:
        ResultsError: Its files cannot be written.
    """
    return _do_cell(task, desk, progress) if isinstance(task, CellTask) else _do_checks(task, desk, progress)


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
    )


def _do_cell(task: CellTask, desk: Desk, progress: Progress) -> Done:
    started, cpu_started = time.perf_counter(), time.process_time()
    provenance = describe_provenance(task.model.needs.threads)
    with metered() as energy:
        result = _attempt(partial(_evaluate, task, desk, progress), desk.folder)
    if isinstance(result, LmbenchError):
        failed = describe_failure(task.row, result).model_copy(update={"provenance": provenance})
        return Done(task, desk.folder, write_cell(desk.folder, failed, ()))
    costs = result.record.costs(task.corpus).model_copy(
        update={
            "wall_seconds": time.perf_counter() - started,
            "joules": energy.get("joules"),
            "company": desk.company(),
        }
    )
    if task.model.runs_here:
        costs = costs.model_copy(update={"peak_bytes": None, "cpu_seconds": time.process_time() - cpu_started})
    cell = _describe(task, result).model_copy(update={"costs": costs, "provenance": provenance})
    return Done(task, desk.folder, _write(task, desk.folder, cell, result), outcomes=result.outcomes)


def _evaluate(task: CellTask, desk: Desk, progress: Progress) -> CellResult | LmbenchError:
    """Return the results of a cell, or the error that ended it."""
    if task.audit != "full":
        return _evaluate_once(task, desk, Places(desk.folder, cell_place(task.row)), progress)
    with TemporaryDirectory(dir=desk.folder.parent) as folder:  # the next run removes it if this one is killed
        places = Places(desk.folder, cell_place(task.row), Path(folder))
        result = _evaluate_once(task, desk, places, progress)
        if isinstance(result, CellResult) and result.can_be_rescored:
            start_work = partial(_start(task, desk, progress, other=True).run, limits=desk.limits)
            return replace(result, audit=score_again(start_work, task, places, result, progress))
        return result


def _attempt(work: Callable[[], Result], folder: Path) -> Result | LmbenchError:
    """Return what work returns, or the error that it raises, which ends one task alone.

    Raises:
        ResultsError: The files of the task cannot be written.
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


def _evaluate_once(task: CellTask, desk: Desk, places: Places, progress: Progress) -> CellResult | LmbenchError:
    result = evaluate_cell(_start(task, desk, progress), task, places, progress, desk.limits)
    close_log(places.log)
    return result


def _start(task: Task, desk: Desk, progress: Progress, other: bool = False) -> Worker | WorkHere:
    """Start a process for a task, unless its model runs in this one.

    An `other` process has another order of sets than the first; see `Workers.start`.
    """
    if task.model.runs_here:
        return WorkHere()
    needs = task.model.needs
    if needs.libraries:
        packages = dict.fromkeys(name.partition(".")[0] for name in needs.libraries)
        progress(f"loading {', '.join(_PACKAGES.get(package, package) for package in packages)}", 0.0)
    worker = desk.workers.start(needs.libraries, needs.threads, other)
    worker.report_memory(desk.report_memory)
    return worker


def _write(task: CellTask, folder: Path, cell: Cell, result: CellResult) -> Cell:
    try:
        write_documents(folder / DOCUMENTS, result.counts, task.corpus.floor if result.record.normalized else None)
    except OSError as error:
        raise ResultsError(f"cannot write {folder / DOCUMENTS}: {error.strerror or error}") from error
    return write_cell(folder, cell, result.record.exhibits)


def _describe(task: CellTask, result: CellResult) -> Cell:
    return Cell(
        key=task.row.key,
        model=task.row.model,
        corpus=task.row.corpus,
        train_size=task.row.train_size,
        status="ok",
        pretrained=result.record.pretrained,
        pseudo=not result.record.normalized,
        signature=str(result.signature),
        metrics=result.metrics,
        remarks=result.record.remarks,
        audit_kind=result.audit_kind,
        audit=result.audit,
        impossible=bool(result.excess),
        doubt="; ".join(_find_doubts(result)),
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


def _do_checks(task: CheckTask, desk: Desk, progress: Progress) -> Done:
    log = desk.folder / LOG
    result = _attempt(partial(_check, task, desk, log, progress), desk.folder)
    close_log(log)
    if isinstance(result, UnavailableError):  # the model's cells give the reason
        return Done(task, desk.folder)
    return Done(task, desk.folder, verification=_verify(task, result))


def _check(task: CheckTask, desk: Desk, log: Path, progress: Progress) -> _Checked | LmbenchError:
    """Return the results of a model's checks, or the error that ended them."""
    work, receive = partial(_check_in_process, task.model.source), partial(repeat_report, progress)
    result = _start(task, desk, progress).run(work, log, receive, desk.limits)
    if not isinstance(result, str):
        return as_error(result, find_log(log, check_log_place(task.model.label)))
    try:
        return _Checked.model_validate_json(result)
    except ValidationError as error:
        return PluginError(f"the process sent a result that is not valid: {reason(error)}")


def _verify(task: CheckTask, result: _Checked | LmbenchError) -> Verification:
    label = task.model.label
    if isinstance(result, LmbenchError):
        doubt = f"the suite did not end: {printable(str(result))}"
        return Verification(model=label, key=task.key, doubt=doubt, outcomes=())
    doubt = find_doubt(result.outcomes)
    return Verification(model=label, key=task.key, doubt=doubt, outcomes=result.outcomes, changed=result.changed)


def _check_in_process(source: ModelSource, channel: Channel) -> str:
    """Return a _Checked as JSON."""
    progress = CheckedProgress(SendingProgress(channel))
    progress("checking", 0.0)
    if isinstance(source, ModelObject):
        outcomes, changed = check_model(source.quickened().build, progress), source.changed_options()
    else:
        outcomes, changed = check_spec(source, progress), changed_options(source)
    return _Checked(outcomes=outcomes, changed=changed).model_dump_json()
