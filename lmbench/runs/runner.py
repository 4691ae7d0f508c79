"""Run an experiment: each cell, and each model's conformance suite, in a process of its own.

A model that raises, leaks memory or crashes the interpreter then costs one cell and not the run, and the peak memory
that is measured is that of the cell alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from lmbench.checks import Outcome, check_spec, find_doubt
from lmbench.corpus import Corpus
from lmbench.errors import LmbenchError, PluginError, ScoreError, UnavailableError, kind_of, reason
from lmbench.metrics import Tally, TallyColumns
from lmbench.model import ModelSpec
from lmbench.printable import printable
from lmbench.progress import CheckedProgress, Progress
from lmbench.registry import resolve
from lmbench.runs.evaluation import ModelRecord, evaluate_in_batches
from lmbench.runs.experiment import BrokenModel, Experiment, plugin_version
from lmbench.runs.store import Cell, RunDirectory, Verification
from lmbench.runs.worker import Failure, Send, Worker
from lmbench.signature import Signature

_OUTCOMES = TypeAdapter(tuple[Outcome, ...])


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

    Cells that the directory already holds do not run again, unless they failed.

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
        outcomes = () if isinstance(result, LmbenchError) else result
        why = find_doubt(outcomes) if outcomes else f"the suite did not end: {printable(str(result))}"
        directory.write_verification(number, Verification(model=name, doubt=why, outcomes=outcomes))


def _run_cells(
    directory: RunDirectory, experiment: Experiment, progress: RunProgress, workers: Iterator[Worker]
) -> None:
    """Run the cells that are missing or failed."""
    done = {cell.number for cell in directory.cells() if cell.status == "ok"}
    for number, (corpus, model) in enumerate(experiment.pairs, start=1):
        if number in done:
            continue
        name = str(model.spec)
        progress.cell_started(number, len(experiment.pairs), name, corpus.name)
        result: _Results | LmbenchError
        if isinstance(model, BrokenModel):
            result = model.error
        else:
            log = directory.log(number, name)
            result = _evaluate_in_worker(next(workers), model.spec, corpus, log, progress)
            directory.close_log(log)
        cell = _cell(number, name, corpus, result)
        if isinstance(result, _Results):
            directory.write(cell, result.counts, result.record.exhibits)
        else:
            directory.write(cell, None)
        progress.cell_finished(cell)


@dataclass(frozen=True, slots=True)
class _Results:
    """The results of a cell's process."""

    record: ModelRecord
    counts: Tally


def _evaluate_in_worker(
    worker: Worker, spec: ModelSpec, corpus: Corpus, log: Path, progress: Progress
) -> _Results | LmbenchError:
    """Return the results of a cell, or the error that it cost. A plugin in the process may send anything."""
    columns = TallyColumns(len(corpus.test.documents))
    receive = partial(_receive, progress, record=columns.add)
    try:
        result = worker.run(partial(_evaluate_in_process, spec, corpus), log, receive)
        if not isinstance(result, str):
            return _as_error(result, log)
        counts = columns.tally()
        if len(counts.bytes) != len(corpus.test.documents) or int(counts.bytes.sum()) != corpus.test.size:
            return ScoreError("the process did not send the sums of each document")
        return _Results(ModelRecord.model_validate_json(result), counts)
    except ValidationError as error:
        return PluginError(f"the process sent a result that is not valid: {reason(error)}")
    except (PluginError, ScoreError) as error:
        return error


def _check_in_worker(
    worker: Worker, spec: ModelSpec, log: Path, progress: Progress
) -> tuple[Outcome, ...] | LmbenchError:
    """Return the outcomes of a model's checks, or the error that ended them."""
    try:
        result = worker.run(partial(_check_in_process, spec), log, partial(_receive, progress))
        return _OUTCOMES.validate_json(result) if isinstance(result, str) else _as_error(result, log)
    except ValidationError as error:
        return PluginError(f"the process sent a result that is not valid: {reason(error)}")
    except PluginError as error:
        return error


def _as_error(result: object, log: Path) -> LmbenchError:
    """Return how a process ended without a result, as an error."""
    if isinstance(result, LmbenchError):
        return result
    text = result.text if isinstance(result, Failure) else f"the process returned {kind_of(result)}"
    return LmbenchError(f"{text}; see {log}")


def _cell(number: int, model: str, corpus: Corpus, result: _Results | LmbenchError) -> Cell:
    if not isinstance(result, _Results):
        status: Literal["unavailable", "failed"] = "unavailable" if isinstance(result, UnavailableError) else "failed"
        error = printable(str(result))
        return Cell(number=number, model=model, corpus=corpus.name, status=status, error=error)
    record = result.record
    return Cell(
        number=number,
        model=model,
        corpus=corpus.name,
        status="ok",
        pretrained=record.pretrained,
        pseudo=not record.normalized,
        signature=str(record.signature),
        metrics=record.summarize(result.counts, corpus),
        costs=record.costs,
    )


def _evaluate_in_process(spec: ModelSpec, corpus: Corpus, send: Send) -> str:
    """Return the ModelRecord as JSON, which the other process parses and checks."""
    resolved = resolve(spec)
    record = evaluate_in_batches(resolved.build(), corpus, _SendingProgress(send), send)
    signature = record.signature + Signature(plugin_version(resolved.registered))
    return record.model_copy(update={"signature": signature}).model_dump_json()


def _check_in_process(spec: ModelSpec, send: Send) -> str:
    """Return the outcomes as JSON."""
    progress = CheckedProgress(_SendingProgress(send))
    progress("checking", 0.0)
    return _OUTCOMES.dump_json(check_spec(spec, progress)).decode()


@dataclass(frozen=True, slots=True)
class _Report:
    """A message from a process: one call of its progress."""

    method: Literal["__call__", "notice", "received"]
    arguments: tuple[Any, ...]


class _SendingProgress(Progress):
    """The progress of work in a process: sends every report to the run."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def __call__(self, message: str, share: float) -> None:
        self._send(_Report("__call__", (message, share)))

    def notice(self, line: str) -> None:
        self._send(_Report("notice", (line,)))

    def received(self, url: str, done: int, total: int | None) -> None:
        self._send(_Report("received", (url, done, total)))


def _receive(progress: Progress, message: object, record: Callable[[Tally], None] | None = None) -> None:
    """Handle one message from a process: repeat a call of its progress here, or record the sums of a batch.

    Raises:
        PluginError: The process sent anything else.
        ScoreError: The sums are damaged.
    """
    checked = CheckedProgress(progress)
    match message:
        case _Report("__call__", (text, share)):
            checked(text, share)
        case _Report("notice", (line,)):
            checked.notice(line)
        case _Report("received", (url, done, total)):
            checked.received(url, done, total)
        case Tally() if record is not None:
            record(message)
        case _:
            raise PluginError(f"the process sent {kind_of(message)} instead of a report")
