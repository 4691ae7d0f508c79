"""Run an experiment: each cell, and each model's conformance suite, in a process of its own.

The process makes peak memory a measurement, and a model that raises, hangs on to memory or crashes the interpreter
costs one cell and not the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from lmbench.checks import Outcome, check_spec, doubt
from lmbench.corpus import Corpus, Split
from lmbench.distribution import own_version
from lmbench.errors import CorpusError, LmbenchError, UnavailableError
from lmbench.exhibit import Exhibit
from lmbench.metrics import Tally, TallyColumns, rate, summarize, tally
from lmbench.model import LanguageModel, ModelSpec
from lmbench.progress import SILENT, Progress
from lmbench.registry import resolve
from lmbench.runs.experiment import BrokenModel, Experiment, plugin_version
from lmbench.runs.store import Cell, Costs, RunDirectory, Verification
from lmbench.runs.worker import Send, Worker, peak_bytes
from lmbench.signature import Signature

_BATCH_CHARACTERS = 1 << 20


class RunProgress(Progress):
    """Receives reports of a run; this class ignores them."""

    def check_started(self, number: int, total: int, model: str) -> None:
        """A model goes through the conformance suite; numbers count from 1."""

    def cell_started(self, number: int, total: int, model: str, corpus: str) -> None:
        """A cell begins; numbers count from 1. Calls of the progress itself are about this cell from now on."""

    def cell_finished(self, cell: Cell) -> None:
        """A cell has ended, whether it succeeded or not."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What evaluating a model on a corpus gave.

    Attributes:
        signature: What the numbers depend on.
        costs: Time, memory and size.
        exhibits: What the model shows of itself.
        normalized: Whether the scores are probabilities.
        pretrained: Whether any of the weights are pretrained.
        counts: Sums for each document; empty if `record` received them.
    """

    signature: Signature
    costs: Costs
    exhibits: tuple[Exhibit, ...]
    normalized: bool
    pretrained: bool
    counts: Tally


def evaluate(model: LanguageModel, corpus: Corpus, progress: Progress = SILENT) -> Evaluation:
    """Fit a model (unless it is pretrained) on the training split and score the test split.

    Raises:
        LmbenchError: A split is empty, the model cannot learn from the text, or it breaks the scoring contract.
    """
    columns = TallyColumns(len(corpus.test.documents))
    evaluation = _evaluate(model, corpus, progress, columns.add)
    return replace(evaluation, counts=columns.tally())


def run(experiment: Experiment, path: Path, progress: RunProgress) -> RunDirectory:
    """Evaluate every model on every corpus into a run directory; cells that it already holds are kept.

    Raises:
        LmbenchError: Something that every cell would fail with, such as a run directory that cannot be written. A
            failure within a cell becomes part of the cell.
    """
    with Worker() as first:  # it starts while the texts are compared
        directory = RunDirectory.start(path, experiment.manifest())
        workers = chain([first], iter(Worker, None))
        with directory.locked():
            if experiment.check:
                _check_missing(directory, experiment, progress, workers)
            _run_missing(directory, experiment, progress, workers)
    return directory


def _check_missing(
    directory: RunDirectory, experiment: Experiment, progress: RunProgress, workers: Iterator[Worker]
) -> None:
    done = directory.verifications()
    for number, model in enumerate(experiment.models, start=1):
        name = str(model.spec)
        if name in done or isinstance(model, BrokenModel):
            continue
        progress.check_started(number, len(experiment.models), name)
        log = directory.log(number, name, "check")
        result = next(workers).run(partial(_check_in_process, model.spec), log, partial(_report, progress))
        if not isinstance(result, UnavailableError):  # its cells will say what is missing
            outcomes = result if isinstance(result, tuple) else ()
            why = doubt(outcomes) if outcomes else f"the suite did not end: {result}"
            directory.write_verification(number, Verification(model=name, doubt=why, outcomes=outcomes))


def _run_missing(
    directory: RunDirectory, experiment: Experiment, progress: RunProgress, workers: Iterator[Worker]
) -> None:
    done = {cell.number for cell in directory.cells() if cell.status == "ok"}
    for number, (corpus, model) in enumerate(experiment.cells, start=1):
        if number in done:
            continue
        name = str(model.spec)
        progress.cell_started(number, len(experiment.cells), name, corpus.name)
        columns = TallyColumns(len(corpus.test.documents))
        result: Evaluation | LmbenchError | str
        if isinstance(model, BrokenModel):
            result = model.error
        else:
            receive = partial(_report, progress, record=columns.add)
            work = partial(_evaluate_in_process, model.spec, corpus)
            result = next(workers).run(work, directory.log(number, name), receive)
        cell, counts, exhibits = _cell(number, model.spec, corpus, result, columns.tally())
        directory.write(cell, counts, exhibits)
        progress.cell_finished(cell)


def _evaluate(model: LanguageModel, corpus: Corpus, progress: Progress, record: Callable[[Tally], None]) -> Evaluation:
    """Evaluate a model, giving the sums of each batch of documents to `record` instead of holding them."""
    if not corpus.test.size:
        raise CorpusError(f"the test split of {corpus.name} is empty: there is nothing to score")
    if not (model.traits.pretrained or corpus.train.size):
        raise CorpusError(f"the training split of {corpus.name} is empty: there is nothing to learn from")
    started = time.perf_counter()
    model.prepare(corpus.training, progress if model.traits.pretrained else progress.part("fit"))
    fit_seconds = None if model.traits.pretrained else time.perf_counter() - started
    score_seconds = _score(model, corpus.test, progress, record)
    footprint = model.footprint()
    costs = Costs(
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
        bytes_per_second=rate(corpus.test.size, score_seconds),
        peak_bytes=peak_bytes(),
        parameters=footprint.parameters,
        disk_bytes=footprint.disk_bytes,
    )
    return Evaluation(
        _signature(model, corpus),
        costs,
        model.exhibits(),
        normalized=model.traits.normalized,
        pretrained=model.traits.weights != "fitted",
        counts=TallyColumns(0).tally(),
    )


def _score(model: LanguageModel, test: Split, progress: Progress, record: Callable[[Tally], None]) -> float:
    """Score the split in batches; only the sums of each batch leave this function.

    Returns:
        The seconds that the model took.
    """
    done, seconds = 0, 0.0
    for batch in _batches(test.documents, min(model.traits.batch_characters, _BATCH_CHARACTERS)):
        progress("score", done / len(test.documents))
        started = time.perf_counter()
        scores = model.score(batch)
        seconds += time.perf_counter() - started
        record(tally(batch, scores, first=done))
        del scores  # before the next batch's are made
        done += len(batch)
    return seconds


def _batches(documents: Iterable[str], characters: int) -> Iterator[list[str]]:
    """Yield consecutive documents of about this many characters: memory stays bounded, and progress shows."""
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _signature(model: LanguageModel, corpus: Corpus) -> Signature:
    text = Signature.of(
        corpus=corpus.name,
        test=corpus.test.fingerprint[:12],
        train=corpus.train.fingerprint[:12],
        valid=corpus.valid.fingerprint[:12],
        read=corpus.provenance,
    )
    weights = Signature() if model.traits.weights == "fitted" else Signature.of(weights="pretrained")
    return weights + model.signature() + text + Signature.of(lmbench=own_version())


def _cell(
    number: int, spec: ModelSpec, corpus: Corpus, result: Evaluation | LmbenchError | str, counts: Tally
) -> tuple[Cell, Tally | None, tuple[Exhibit, ...]]:
    status: Literal["unavailable", "failed"] = "unavailable" if isinstance(result, UnavailableError) else "failed"
    if not isinstance(result, Evaluation):
        return Cell(number=number, model=str(spec), corpus=corpus.name, status=status, error=str(result)), None, ()
    cell = Cell(
        number=number,
        model=str(spec),
        corpus=corpus.name,
        status="ok",
        pretrained=result.pretrained,
        pseudo=not result.normalized,
        signature=str(result.signature),
        metrics=summarize(counts, corpus.floor if result.normalized else None),
        costs=result.costs,
    )
    return cell, counts, result.exhibits


@dataclass(frozen=True, slots=True)
class _Report:
    """A process's call of its progress, on its way to the run's."""

    method: Literal["__call__", "notice", "received"]
    arguments: tuple[object, ...]


class _SentProgress(Progress):
    """The progress of work in a process: sends every call to the run."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def __call__(self, message: str, share: float) -> None:
        self._send(_Report("__call__", (message, share)))

    def notice(self, line: str) -> None:
        self._send(_Report("notice", (line,)))

    def received(self, url: str, done: int, total: int | None) -> None:
        self._send(_Report("received", (url, done, total)))


def _report(progress: RunProgress, message: object, record: Callable[[Tally], None] | None = None) -> None:
    """Handle one message of a process: a call of its progress, or the sums of a batch."""
    if isinstance(message, _Report):
        getattr(progress, message.method)(*message.arguments)
    elif isinstance(message, Tally) and record is not None:
        record(message)


def _evaluate_in_process(spec: ModelSpec, corpus: Corpus, send: Send) -> Evaluation:
    resolved = resolve(spec)
    evaluation = _evaluate(resolved.build(), corpus, _SentProgress(send), send)
    return replace(evaluation, signature=evaluation.signature + Signature(plugin_version(resolved.registered)))


def _check_in_process(spec: ModelSpec, send: Send) -> tuple[Outcome, ...]:
    progress = _SentProgress(send)
    progress("checking", 0.0)
    return check_spec(spec, progress)
