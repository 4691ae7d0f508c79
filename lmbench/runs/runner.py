"""Models x corpora -> cells, each cell, and each model's conformance suite, in a process of its own.

The process makes peak memory a measurement, and a model that raises, hangs on to memory or crashes the interpreter
costs one cell and not the run.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import chain
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Literal, Protocol, Self, TypeVar, cast

from pydantic import JsonValue

from lmbench.checks import Outcome, check_spec, doubt
from lmbench.corpora.overlap import overlap
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError, LmbenchError, UnavailableError
from lmbench.exhibit import Exhibit
from lmbench.metrics import Tally, TallyColumns, rate, summarize, tally
from lmbench.model import LanguageModel, ModelSpec, Progress, Signature, silent
from lmbench.registry import build, registered
from lmbench.runs import interrupts
from lmbench.runs.store import Cell, CorpusRecord, Costs, Manifest, RunDirectory, Verification

Result = TypeVar("Result")

_BATCH_BYTES = 1 << 20
_VERSIONED = ("lmbench", "hmmlearn", "kenlm", "nltk", "numpy", "scipy", "tokenizers", "torch", "transformers")


class Watcher(Protocol):
    """Shows how a run goes on."""

    def checking(self, number: int, total: int, model: str) -> None:
        """A model goes through the conformance suite; numbers count from 1."""

    def started(self, number: int, total: int, model: str, corpus: str) -> None:
        """A cell begins; numbers count from 1."""

    def progressed(self, message: str, share: float) -> None:
        """The running cell says what it does; share is between 0 and 1."""

    def finished(self, cell: Cell) -> None:
        """A cell has ended, well or not."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What evaluating a model on a corpus gave: sums for each document, signature, costs, what the model shows.

    pseudo: whether the scores are no probabilities; pretrained: whether any of the weights comes from elsewhere.
    """

    counts: Tally
    signature: Signature
    costs: Costs
    exhibits: tuple[Exhibit, ...]
    pseudo: bool
    pretrained: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    """An Evaluation without its sums, which are told as they are made."""

    signature: Signature
    costs: Costs
    exhibits: tuple[Exhibit, ...]
    pseudo: bool
    pretrained: bool


def evaluate(model: LanguageModel, corpus: Corpus, progress: Progress = silent) -> Evaluation:
    """Fit a model (unless it is pretrained) on the training text and score the test split. Raises LmbenchError."""
    columns = TallyColumns(len(corpus.test.documents))
    outcome = _evaluated(model, corpus, progress, columns.add)
    return Evaluation(
        columns.tally(), outcome.signature, outcome.costs, outcome.exhibits, outcome.pseudo, outcome.pretrained
    )


def _evaluated(model: LanguageModel, corpus: Corpus, progress: Progress, tallied: Callable[[Tally], None]) -> _Outcome:
    if not corpus.test.size:
        raise CorpusError(f"the test split of {corpus.name} is empty: there is nothing to score")
    if not (model.pretrained or corpus.train.size):
        raise CorpusError(f"the training split of {corpus.name} is empty: there is nothing to learn from")
    fit_seconds = None
    if model.pretrained:
        model.load(progress)
    else:
        started = time.perf_counter()
        model.fit(corpus.training, lambda message, share: progress(f"fit: {message}", share))
        fit_seconds = time.perf_counter() - started
    score_seconds = _scored(model, corpus.test, progress, tallied)
    footprint = model.footprint()
    costs = Costs(
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
        bytes_per_second=rate(corpus.test.size, score_seconds),
        peak_bytes=peak_bytes(),
        parameters=footprint.parameters,
        disk_bytes=footprint.disk_bytes,
    )
    return _Outcome(
        _signature(model, corpus),
        costs,
        model.exhibits(),
        pseudo=not model.probability,
        pretrained=model.learned_elsewhere,
    )


def run(
    specs: Sequence[ModelSpec], corpora: Sequence[Corpus], path: Path, watcher: Watcher, check: bool = True
) -> RunDirectory:
    """Evaluate every model on every corpus into the run directory at `path`; cells that it already holds are kept.

    With `check`, every model goes through the conformance suite first. Raises LmbenchError for what would fail in every
    cell; a failure within a cell becomes part of the cell.
    """
    names = [corpus.name for corpus in corpora]
    if twice := {name for name in names if names.count(name) > 1}:
        raise CorpusError(f"two corpora have the same name: {', '.join(sorted(twice))}")
    with _Worker() as first:  # it starts while the texts are compared
        directory = RunDirectory.start(path, _manifest(specs, corpora))
        workers = chain([first], iter(_Worker, None))
        with directory.locked():
            if check:
                _check_missing(directory, specs, watcher, workers)
            _run_missing(directory, [(corpus, spec) for corpus in corpora for spec in specs], watcher, workers)
    return directory


def _check_missing(
    directory: RunDirectory, specs: Sequence[ModelSpec], watcher: Watcher, workers: Iterator[_Worker]
) -> None:
    done = directory.verifications()
    for number, spec in enumerate(specs, start=1):
        if str(spec) in done:
            continue
        watcher.checking(number, len(specs), str(spec))
        log = directory.log(number, str(spec), "check")
        result = _in_process(next(workers), partial(_check, spec), log, partial(_show, watcher))
        if not isinstance(result, UnavailableError):  # its cells will say what is missing
            outcomes = result if isinstance(result, tuple) else ()
            doubt_ = doubt(outcomes) if outcomes else f"the suite did not end: {result}"
            directory.write_verification(number, Verification(model=str(spec), doubt=doubt_, outcomes=outcomes))


def _run_missing(
    directory: RunDirectory, pairs: Sequence[tuple[Corpus, ModelSpec]], watcher: Watcher, workers: Iterator[_Worker]
) -> None:
    done = {cell.number for cell in directory.cells() if cell.status == "ok"}
    for number, (corpus, spec) in enumerate(pairs, start=1):
        if number in done:
            continue
        watcher.started(number, len(pairs), str(spec), corpus.name)
        columns = TallyColumns(len(corpus.test.documents))
        heard = partial(_keep, columns, watcher)
        result = _in_process(next(workers), partial(_evaluate, spec, corpus), directory.log(number, str(spec)), heard)
        cell, counts, exhibits = _cell(number, spec, corpus, result, columns.tally())
        directory.write(cell, counts, exhibits)
        watcher.finished(cell)


def _show(watcher: Watcher, message: _Message) -> None:
    if isinstance(message, _Told):
        watcher.progressed(message.message, message.share)


def _keep(columns: TallyColumns, watcher: Watcher, message: _Message) -> None:
    _show(watcher, message)
    if isinstance(message, Tally):
        columns.add(message)


def _scored(model: LanguageModel, test: Split, progress: Progress, tallied: Callable[[Tally], None]) -> float:
    """Seconds that the model took for the split; the sums of each batch are told, and its scores not kept."""
    done, seconds = 0, 0.0
    for batch in _batches(test.documents, min(model.scored_at_once, _BATCH_BYTES)):
        progress("score", done / len(test.documents))
        started = time.perf_counter()
        scores = model.score(batch)
        seconds += time.perf_counter() - started
        tallied(tally(batch, scores, first=done))
        del scores  # before the next batch's are made
        done += len(batch)
    return seconds


def _batches(documents: Iterable[str], most: int) -> Iterator[list[str]]:
    """Consecutive documents of about so many characters together: memory stays bounded, and progress shows."""
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= most:
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
        read=corpus.reading,
    )
    trained = Signature.of(weights="pretrained") if model.learned_elsewhere else Signature(())
    return trained + model.signature() + text + Signature.of(lmbench=version("lmbench"))


def _manifest(specs: Sequence[ModelSpec], corpora: Sequence[Corpus]) -> Manifest:
    return Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        models=tuple(map(str, specs)),
        options=tuple(_options(spec) for spec in specs),
        files=tuple(sorted(_digests(specs))),
        corpora=tuple(_record(corpus) for corpus in corpora),
        versions=(*((package, version(package)) for package in _VERSIONED), *_plugin_versions(specs)),
        python=platform.python_version(),
        platform=platform.platform(),
        cpus=os.cpu_count() or 1,
    )


def _options(spec: ModelSpec) -> dict[str, JsonValue]:
    """All options of a model, defaults included; none where it cannot be built, which its cells will say."""
    try:
        return build(spec).options.model_dump(mode="json")
    except LmbenchError:
        return {}


def _digests(specs: Sequence[ModelSpec]) -> Iterator[tuple[str, str]]:
    """The files that the models' options name, where they can be read, each with its sha256."""
    for path in {path for spec in specs for path in _files(spec)}:
        with suppress(OSError), path.open("rb") as file:
            yield str(path), hashlib.file_digest(file, "sha256").hexdigest()


def _files(spec: ModelSpec) -> tuple[Path, ...]:
    try:
        return build(spec).options.files()
    except LmbenchError:
        return ()


def _plugin_versions(specs: Sequence[ModelSpec]) -> tuple[tuple[str, str], ...]:
    """The packages beside lmbench that these models come from."""
    known = registered()
    entries = {known[spec.name] for spec in specs if spec.name in known}
    return tuple(sorted({(entry.origin, entry.version) for entry in entries if entry.origin != "lmbench"}))


def _record(corpus: Corpus) -> CorpusRecord:
    return CorpusRecord(
        name=corpus.name,
        description=corpus.description,
        reading=corpus.reading,
        tokenized=corpus.tokenized,
        spaced=corpus.spaced,
        train_fingerprint=corpus.train.fingerprint,
        valid_fingerprint=corpus.valid.fingerprint,
        test_fingerprint=corpus.test.fingerprint,
        train_bytes=corpus.train.size,
        valid_bytes=corpus.valid.size,
        test_bytes=corpus.test.size,
        test_documents=len(corpus.test.documents),
        floor_note=corpus.floor_note,
        overlap=overlap(corpus),
    )


class _Worker:
    """A fresh process that waits for one piece of work. It starts when this is made, and ends with the context."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        given, self._give = context.Pipe(duplex=False)
        self._told, tell = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(given, tell))
        try:
            resource_tracker.ensure_running()  # it would let interrupts through when it starts, with the first process
            with interrupts.held():  # and in the process, until it can heed them
                self._process.start()
        finally:
            given.close()
            tell.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.pid is not None:
            self._process.kill()  # only where it had nothing to do, or this process was interrupted, is it still alive
            self._process.join()
        self._give.close()
        self._told.close()

    def messages(self, work: _Work, log: Path) -> Iterator[object]:
        """What the work tells and returns, until the process ends."""
        log.unlink(missing_ok=True)  # of a run before
        with suppress(EOFError, BrokenPipeError):  # it has ended
            self._give.send((work, log))
            while True:
                yield self._told.recv()

    def exit_code(self) -> int | None:
        """How the process ended, once it has."""
        self._process.join()
        return self._process.exitcode


def _in_process(
    worker: _Worker, work: Callable[[Callable[[_Message], None]], Result], log: Path, heard: Callable[[_Message], None]
) -> Result | LmbenchError | str:
    """What `work` returns in a fresh process, the LmbenchError that it raises, or how the process ended.

    Args: heard, called with what `work` tells meanwhile, so that nobody has to hold all of it at once.
    """
    result: Result | LmbenchError | None = None
    with worker:
        for message in worker.messages(work, log):
            if isinstance(message, _Told | Tally):
                heard(message)
            else:
                result = cast(Result | LmbenchError, message)
        return _how_it_ended(worker.exit_code(), log) if result is None else result


def _cell(
    number: int, spec: ModelSpec, corpus: Corpus, result: _Outcome | LmbenchError | str, counts: Tally
) -> tuple[Cell, Tally | None, tuple[Exhibit, ...]]:
    status: Literal["unavailable", "failed"] = "unavailable" if isinstance(result, UnavailableError) else "failed"
    if not isinstance(result, _Outcome):
        return Cell(number=number, model=str(spec), corpus=corpus.name, status=status, error=str(result)), None, ()
    cell = Cell(
        number=number,
        model=str(spec),
        corpus=corpus.name,
        status="ok",
        pretrained=result.pretrained,
        pseudo=result.pseudo,
        signature=str(result.signature),
        metrics=summarize(counts, None if result.pseudo else corpus.floor),
        costs=result.costs,
    )
    return cell, counts, result.exhibits


def _how_it_ended(exit_code: int | None, log: Path) -> str:
    """Why a process that sent no result ended: its signal, or the last line of its traceback."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    if exit_code is not None and exit_code < 0:
        return f"the process was killed by signal {-exit_code} (out of memory?); see {log}"
    return f"{lines[-1].strip() if lines else f'exit code {exit_code}'}; see {log}"


def _evaluate(spec: ModelSpec, corpus: Corpus, tell: Callable[[_Message], None]) -> _Outcome:
    outcome = _evaluated(build(spec), corpus, lambda message, share: tell(_Told(message, share)), tell)
    return replace(outcome, signature=outcome.signature + Signature(_plugin_versions([spec])))


def _check(spec: ModelSpec, tell: Callable[[_Message], None]) -> tuple[Outcome, ...]:
    tell(_Told("checking", 0.0))
    return check_spec(spec, lambda message, share: tell(_Told(message, share)))


@dataclass(frozen=True, slots=True)
class _Told:
    """A process's progress, on its way to the watcher."""

    message: str
    share: float


_Message = _Told | Tally
"""What a process tells while it works."""

_Work = Callable[[Callable[[_Message], None]], object]


def _work(given: Connection, tell: Connection) -> None:
    """The process's life: it is given work and a log; what it prints goes there, what it finds through the connection.

    An error of lmbench's own is sent; any other ends the process with a traceback in the log, whose last line becomes
    the error.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        interrupts.heed()
        work, log = given.recv()
        with log.open("w") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())
        tell.send(work(tell.send))
    except LmbenchError as error:
        tell.send(_portable(error))
    except KeyboardInterrupt:
        sys.exit(130)  # the parent has the same interrupt, and says what is kept


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that came about."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _portable(error: LmbenchError) -> LmbenchError:
    """The error as one that every process can rebuild from its text."""
    return (UnavailableError if isinstance(error, UnavailableError) else LmbenchError)(str(error))


def peak_bytes() -> int:
    """Largest resident memory of this process.

    Linux: VmHWM, since getrusage's ru_maxrss also counts the process that started this one. Elsewhere: ru_maxrss, which
    is in bytes on macOS.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
