"""Run an experiment: each cell, and each model's conformance suite, in a process of its own.

A model that raises, leaks memory or crashes the interpreter then costs one cell and not the run, and the peak memory
that is measured is that of the cell alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ValidationError

from lmbench.checks import ChangedOption, Outcome, changed_options, check_spec, find_doubt
from lmbench.checks.audit import Audit
from lmbench.corpus import Corpus
from lmbench.errors import LmbenchError, PluginError, UnavailableError, reason
from lmbench.model import ModelSpec
from lmbench.printable import printable
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.cells import CellResult, CellTask, evaluate_cell
from lmbench.runs.experiment import BrokenModel, Experiment
from lmbench.runs.reports import SendingProgress, repeat_report
from lmbench.runs.rescoring import score_again
from lmbench.runs.store import AUDIT_KINDS, Cell, RunDirectory, Verification
from lmbench.runs.worker import Channel, Worker, as_error


class RunProgress(Progress):
    """Receives reports of a run; this class ignores them.

    Calls of the progress itself are about the cell, or the model's checks, that started last. Numbers count from 1.
    """

    def check_started(self, number: int, total: int, model: str) -> None:
        """Report that the conformance suite starts on a model."""

    def cell_started(self, number: int, total: int, model: str, corpus: str) -> None:
        """Report that a cell starts."""

    def cell_finished(self, cell: Cell) -> None:
        """Report that a cell has ended, successfully or not."""


def run(experiment: Experiment, path: Path, progress: RunProgress) -> RunDirectory:
    """Evaluate every model on every corpus, and store the results in a run directory.

    Cells that the directory already holds do not run again, unless they failed or the experiment asks for a stronger
    audit. If the suite checked a model with other options, the first cell of it that runs also checks it with its own.

    Args:
        experiment: The models and corpora.
        path: The run directory, which may hold an interrupted run of the same experiment.
        progress: Receives reports.

    Raises:
        LmbenchError: Something would fail in every cell, such as writing to the run directory. A failure within a cell
            is stored as the cell's error.
    """
    with Worker() as first:  # starts up while the manifest is built, which takes time
        directory = RunDirectory.start(path, experiment.build_manifest())
        workers = _workers(first)
        with directory.locked():
            if experiment.check:
                _run_checks(directory, experiment, progress, workers)
            _run_cells(directory, experiment, progress, workers)
    return directory


def _workers(first: Worker) -> Iterator[Worker]:
    yield first
    while True:
        yield Worker()


def _run_checks(
    directory: RunDirectory, experiment: Experiment, progress: RunProgress, workers: Iterator[Worker]
) -> None:
    """Check the models that have not been checked yet. A broken one has nothing to check: its cells give the reason."""
    done = directory.verifications()
    for number, model in enumerate(experiment.models, start=1):
        name = str(model.spec)
        if name in done or isinstance(model, BrokenModel):
            continue
        progress.check_started(number, len(experiment.models), name)
        log = directory.log(number, name, "check")
        result = _check_in_worker(next(workers), model.spec, log, progress)
        directory.close_log(log)
        if isinstance(result, UnavailableError):  # the model's cells give the reason
            continue
        directory.write_verification(number, _verification(name, result))


def _run_cells(
    directory: RunDirectory, experiment: Experiment, progress: RunProgress, workers: Iterator[Worker]
) -> None:
    """Run the cells that are missing or failed, or that were audited or checked less than the experiment asks for."""
    stored = {cell.number: cell for cell in directory.cells() if cell.status == "ok"}
    for number, (corpus, model) in enumerate(experiment.pairs, start=1):
        name, before = str(model.spec), stored.get(number)
        checks = experiment.check and directory.needs_own_checks(name)
        if before is not None and before.has_audit(experiment.audit) and (before.pseudo or not checks):
            continue
        progress.cell_started(number, len(experiment.pairs), name, corpus.name)
        audit = max(experiment.audit, before.audit_kind if before else "none", key=AUDIT_KINDS.index)
        result: CellResult | LmbenchError
        if isinstance(model, BrokenModel):
            result = model.error
        else:
            result = _Cells(directory, workers, progress).evaluate(number, CellTask(model, corpus, audit, checks))
        cell = _cell(number, name, corpus, result)
        _store(directory, cell, result)
        progress.cell_finished(cell)


def _store(directory: RunDirectory, cell: Cell, result: CellResult | LmbenchError) -> None:
    """Store a cell, after the outcomes of the checks of its model if there are any."""
    if not isinstance(result, CellResult):
        directory.write(cell, None)
        return
    if result.outcomes:
        directory.write_own_outcomes(cell.model, result.outcomes)
    directory.write(cell, result.counts, result.record.exhibits)


class _Checked(BaseModel):
    """The outcomes of a model's checks, and the options that were changed for them."""

    outcomes: tuple[Outcome, ...]
    changed: tuple[ChangedOption, ...]


def _verification(model: str, result: _Checked | LmbenchError) -> Verification:
    if isinstance(result, LmbenchError):
        return Verification(model=model, doubt=f"the suite did not end: {printable(str(result))}", outcomes=())
    doubt = find_doubt(result.outcomes)
    return Verification(model=model, doubt=doubt, outcomes=result.outcomes, changed=result.changed)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Evaluates cells.

    Attributes:
        directory: Where the logs of their processes are.
        workers: The processes.
        progress: Receives reports.
    """

    directory: RunDirectory
    workers: Iterator[Worker]
    progress: Progress

    def evaluate(self, number: int, task: CellTask) -> CellResult | LmbenchError:
        """Return the results of the cell with this number, or the error that ended it."""
        if task.audit != "full":
            return self._evaluate_once(number, task)
        with TemporaryDirectory(prefix="lmbench-") as folder:
            saving = replace(task, folder=Path(folder))
            result = self._evaluate_once(number, saving)
            if isinstance(result, CellResult) and result.can_be_rescored:
                return replace(result, audit=self._score_again(number, saving, result))
        return result

    def _evaluate_once(self, number: int, task: CellTask) -> CellResult | LmbenchError:
        log = self.directory.log(number, str(task.model.spec))
        result = evaluate_cell(next(self.workers), task, log, self.progress)
        self.directory.close_log(log)
        return result

    def _score_again(self, number: int, task: CellTask, first: CellResult) -> Audit:
        log = self.directory.log(number, str(task.model.spec), "audit")
        audit = score_again(next(self.workers), task, first, log, self.progress)
        self.directory.close_log(log)
        return audit


def _check_in_worker(worker: Worker, spec: ModelSpec, log: Path, progress: Progress) -> _Checked | LmbenchError:
    """Return the results of a model's checks, or the error that ended them."""
    try:
        result = worker.run(partial(_check_in_process, spec), log, partial(repeat_report, progress))
        return _Checked.model_validate_json(result) if isinstance(result, str) else as_error(result, log)
    except ValidationError as error:
        return PluginError(f"the process sent a result that is not valid: {reason(error)}")
    except PluginError as error:
        return error


def _cell(number: int, model: str, corpus: Corpus, result: CellResult | LmbenchError) -> Cell:
    if not isinstance(result, CellResult):
        status: Literal["unavailable", "failed"] = "unavailable" if isinstance(result, UnavailableError) else "failed"
        error = printable(str(result))
        return Cell(number=number, model=model, corpus=corpus.name, status=status, error=error)
    return Cell(
        number=number,
        model=model,
        corpus=corpus.name,
        status="ok",
        pretrained=result.record.pretrained,
        pseudo=not result.record.normalized,
        signature=str(result.signature),
        metrics=result.metrics,
        costs=result.record.costs(corpus),
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


def _check_in_process(spec: ModelSpec, channel: Channel) -> str:
    """Return a _Checked as JSON."""
    progress = CheckedProgress(SendingProgress(channel))
    progress("checking", 0.0)
    return _Checked(outcomes=check_spec(spec, progress), changed=changed_options(spec)).model_dump_json()
