"""Run an experiment: each cell, and each model's conformance suite, in a process of its own.

A model that raises, leaks memory or crashes the interpreter then costs one cell and not the run, and the peak memory
that is measured is that of the cell alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from lmbench.checks import Outcome, check_spec, doubt
from lmbench.corpus import Corpus
from lmbench.errors import LmbenchError, UnavailableError
from lmbench.metrics import Tally, TallyColumns, summarize
from lmbench.model import ModelSpec
from lmbench.printable import printable
from lmbench.progress import Progress
from lmbench.registry import ResolvedModel, resolve
from lmbench.runs.evaluation import Evaluation, evaluate_in_batches
from lmbench.runs.experiment import BrokenModel, Experiment, plugin_version
from lmbench.runs.store import Cell, RunDirectory, Verification
from lmbench.runs.worker import Send, Worker
from lmbench.signature import Signature


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
        result = next(workers).run(partial(_check_in_process, model.spec), log, partial(_receive, progress))
        directory.close_log(log)
        if isinstance(result, UnavailableError):  # the model's cells give the reason
            continue
        outcomes = result if isinstance(result, tuple) else ()
        why = doubt(outcomes) if outcomes else f"the suite did not end: {printable(str(result))}"
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
        result: Evaluation | LmbenchError | str
        if isinstance(model, BrokenModel):
            result = model.error
        else:
            log = directory.log(number, name)
            result = _evaluate_in_worker(next(workers), model, corpus, log, progress)
            directory.close_log(log)
        cell = _cell(number, name, corpus, result)
        if isinstance(result, Evaluation):
            directory.write(cell, result.counts, result.exhibits)
        else:
            directory.write(cell, None)
        progress.cell_finished(cell)


def _evaluate_in_worker(
    worker: Worker, model: ResolvedModel, corpus: Corpus, log: Path, progress: Progress
) -> Evaluation | LmbenchError | str:
    columns = TallyColumns(len(corpus.test.documents))
    receive = partial(_receive, progress, record=columns.add)
    result = worker.run(partial(_evaluate_in_process, model.spec, corpus), log, receive)
    return replace(result, counts=columns.tally()) if isinstance(result, Evaluation) else result


def _cell(number: int, model: str, corpus: Corpus, result: Evaluation | LmbenchError | str) -> Cell:
    if not isinstance(result, Evaluation):
        status: Literal["unavailable", "failed"] = "unavailable" if isinstance(result, UnavailableError) else "failed"
        error = printable(str(result))
        return Cell(number=number, model=model, corpus=corpus.name, status=status, error=error)
    return Cell(
        number=number,
        model=model,
        corpus=corpus.name,
        status="ok",
        pretrained=result.pretrained,
        pseudo=not result.normalized,
        signature=str(result.signature),
        metrics=summarize(result.counts, corpus.floor if result.normalized else None),
        costs=result.costs,
    )


def _evaluate_in_process(spec: ModelSpec, corpus: Corpus, send: Send) -> Evaluation:
    resolved = resolve(spec)
    evaluation = evaluate_in_batches(resolved.build(), corpus, _SendingProgress(send), send)
    return replace(evaluation, signature=evaluation.signature + Signature(plugin_version(resolved.registered)))


def _check_in_process(spec: ModelSpec, send: Send) -> tuple[Outcome, ...]:
    progress = _SendingProgress(send)
    progress("checking", 0.0)
    return check_spec(spec, progress)


@dataclass(frozen=True, slots=True)
class _Report:
    """A message from a process: one call of its progress."""

    method: Literal["__call__", "notice", "received"]
    arguments: tuple[object, ...]


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
    """Handle one message from a process: repeat a call of its progress here, or record the sums of a batch."""
    if isinstance(message, _Report):
        getattr(progress, message.method)(*message.arguments)
    elif isinstance(message, Tally) and record is not None:
        record(message)
