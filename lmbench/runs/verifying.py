"""Verify a run directory: its checksums, its numbers, and a sample of its cells, which are evaluated again."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmbench.checks import find_doubt
from lmbench.checks.comparison import IMPOSSIBLE_GAIN, tolerance_of, total_tolerance
from lmbench.corpora.loading import read_corpus
from lmbench.corpora.options import NO_OPTIONS
from lmbench.corpora.selection import TrainingPart, take_training
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, ResultsError, message_of
from lmbench.identity import cell_key
from lmbench.metrics import Metrics, Tally, summarize
from lmbench.model import ModelSpec
from lmbench.progress import Progress
from lmbench.registry import resolve
from lmbench.runs import cell_files
from lmbench.runs.cells import CellJob
from lmbench.runs.engines import Engine, Order
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.experiment import Experiment, digest_corpus
from lmbench.runs.jobs import CheckJob
from lmbench.runs.models import SelectedModel, select_models
from lmbench.runs.records import Cell, CorpusRecord, Manifest, Row, TaskRecord, Verification
from lmbench.runs.sealed import read_sealed
from lmbench.runs.store import RunDirectory, model_stem
from lmbench.runs.task_cells import TaskJob
from lmbench.runs.worker import Channel, Worker
from lmbench.tasks.loading import load_task
from lmbench.tasks.task import Task

Columns = Mapping[str, NDArray[Any]]

_ROUNDING = 1e-9
_FLOAT32 = 2.0**-23  # an upper bound of the relative error of a sum of rounded numbers of one sign
_LIMITED = "time-limited"  # a model's remark


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of verifying a part of a run.

    Attributes:
        subject: What was verified, such as "kenlm on pydocs".
        is_wrong: Whether something is wrong.
        text: What was found, in one line.
        cell: The cell, if it has numbers and nothing is wrong.
    """

    subject: str
    is_wrong: bool
    text: str
    cell: Cell | None = None


def examine(directory: RunDirectory) -> list[Finding]:
    """Check all that is stored against its checksums, and compute each number again from what it was computed from.

    Returns:
        A finding for each cell and for each model's results in the conformance suite.
    """
    cells = {cell.row: cell for cell in directory.all_cells()}
    damages = {damage.row: damage.reason for damage in directory.damage()}
    corpora = {corpus.name: corpus for corpus in directory.manifest.corpora}
    tasks = {task.name: task for task in directory.manifest.tasks}
    found = []
    for row in directory.manifest.rows:
        if row in damages:
            found.append(Finding(_name(row), True, damages[row]))
        elif row in cells and row.kind == "task":
            found.append(_examine_task(directory.folder(row), cells[row], tasks.get(row.corpus)))
        elif row in cells:
            found.append(_examine_cell(directory.folder(row), cells[row], corpora.get(row.corpus)))
    return [*found, *_examine_verifications(directory)]


def sample_cells(findings: Sequence[Finding], count: int | None, seed: int) -> list[Cell]:
    """Return the cells to evaluate again: all that have numbers, or a sample of them, in the order of the rows."""
    cells = [finding.cell for finding in findings if finding.cell is not None]
    if count is None or count >= len(cells):
        return cells
    return [cells[number] for number in sorted(random.Random(seed).sample(range(len(cells)), count))]


def evaluate_again(
    directory: RunDirectory, cells: Sequence[Cell], engine: Engine, progress: RunProgress
) -> Iterator[Finding]:
    """Evaluate cells of a run again, and yield a finding for each, as they end. No fitted model is restored.

    The numbers must be the same bits on the same machine. On another one they may differ as much as two scores of one
    event may. Cells whose text or model is not here are not evaluated.
    """
    finder = _Finder(directory.manifest, progress)
    orders: list[Order] = []
    for cell in cells:
        try:
            name = JobName(kind="cell", model=cell.label, corpus=cell.corpus, number=len(orders) + 1, total=len(cells))
            orders.append(Order(finder.make_job(cell.row), name))
        except LmbenchError as error:
            yield Finding(_name(cell.row), False, f"not evaluated again: {message_of(error)}")
    stored = {cell.row: cell for cell in cells}
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        for order, done in engine.run(orders, partial(_new_folder, Path(folder)), progress):
            if not isinstance(order.job, CheckJob) and done.cell is not None:
                first = stored[order.job.row]
                compare = _compare if first.kind == "text" else _compare_tasks
                yield compare(order.job.model.spec, first, directory.folder(first.row), done.cell, done.folder)
            progress.job_ended(order.name)


def _examine_cell(folder: Path, cell: Cell, corpus: CorpusRecord | None) -> Finding:
    if cell.metrics is None:
        return Finding(_name(cell.row), False, f"{cell.status}: {cell.error}")
    reason = _find_mistake(folder, cell, cell.metrics, corpus)
    if reason:
        return Finding(_name(cell.row), True, reason)
    return Finding(_name(cell.row), False, f"{cell.metrics.bits_per_byte:.4f} bits/byte", cell)


def _examine_task(folder: Path, cell: Cell, task: TaskRecord | None) -> Finding:
    if cell.status != "ok":
        return Finding(_name(cell.row), False, f"{cell.status}: {cell.error}")
    if reason := _find_other_figure(folder, cell, task):
        return Finding(_name(cell.row), True, reason)
    return Finding(_name(cell.row), False, f"{cell.figures[0].metric} {cell.figures[0].value:.4g}", cell)


def _find_other_figure(folder: Path, cell: Cell, task: TaskRecord | None) -> str:
    """Return which figure of a cell is not the mean over its items, in one line; "" if each of them is."""
    if task is None:
        return "its task is not in the manifest"
    try:
        items = cell_files.read_items(folder)
        values = {metric.name: items[metric.name] for metric in task.metrics}
    except (OSError, KeyError, ValueError) as error:  # Arrow's errors are among them
        return f"its items cannot be read: {message_of(error)}"
    if len(items["id"]) != task.items:
        return f"it has {len(items['id']):,} items, but its task {task.items:,}"
    corpus = {metric.name for metric in task.metrics if metric.corpus}
    for figure in cell.figures:
        answered = [value for value in values.get(figure.metric, ()) if value is not None]
        mean = math.fsum(answered) / max(len(answered), 1)
        if figure.items != len(answered) or not (figure.metric in corpus or _is_close(figure.value, mean)):
            return f"{figure.metric} is {figure.value!r} of {figure.items:,} items, but {mean!r} by its items"
    return ""


def _find_mistake(folder: Path, cell: Cell, metrics: Metrics, corpus: CorpusRecord | None) -> str:
    """Return what is wrong with the numbers of a cell, in one line; "" if nothing is."""
    try:
        documents = cell_files.read_documents(folder)
        again = summarize(_as_tally(documents), _as_floor(documents))
        if reason := _find_other_number(metrics, again):
            return reason
        if cell_files.SCORES in cell.files:
            events = cell_files.read_scores(folder)
            if reason := _find_other_sum(documents, events):
                return reason
    except (OSError, KeyError, TypeError, ValueError) as error:  # Arrow's errors are among them
        return f"its documents or events cannot be read: {message_of(error)}"
    if corpus is None or (metrics.bytes, metrics.documents) != (corpus.test_bytes, corpus.test_documents):
        return "it does not have the bytes and documents of its corpus"
    return _find_other_doubt(cell, documents)


def _find_other_number(stored: Metrics, again: Metrics) -> str:
    for name in Metrics.model_fields:
        one, other = getattr(stored, name), getattr(again, name)
        if not _is_close(one, other):
            return f"{name} is {one!r}, but {other!r} by its documents"
    return ""


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    same = math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return one == other if isinstance(one, int) else same or (math.isnan(one) and math.isnan(other))


def _find_other_sum(documents: Columns, events: Columns) -> str:
    """Return in which document the sums over events differ from the document's own, beyond the rounding of float32."""
    borders = np.concatenate([[0], np.cumsum(documents["events"])])
    if borders[-1] != len(events["bits"]):
        return f"it has {len(events['bits']):,} events, but {borders[-1]:,} by its documents"
    for name, rounding in (("bytes", 0.0), ("bits", _FLOAT32), ("spelling_bits", _FLOAT32)):
        total = np.concatenate([[0.0], np.cumsum(events[name], dtype=np.float64)])
        sums, expected = np.diff(total[borders]), documents[name].astype(np.float64)
        wrong = np.flatnonzero(np.abs(sums - expected) > rounding * expected + _ROUNDING * max(total[-1], 1.0))
        if len(wrong):
            number = wrong[0]
            return f"document {number} has {expected[number]:.9g} {name}, but its events have {sums[number]:.9g}"
    return ""


def _find_other_doubt(cell: Cell, documents: Columns) -> str:
    floor = _as_floor(documents)
    gain = math.fsum(floor) - float(documents["bits"].sum()) * math.log(2) if floor is not None else 0.0
    if cell.impossible != (gain > IMPOSSIBLE_GAIN):
        return f"its numbers are {'' if gain > IMPOSSIBLE_GAIN else 'not '}impossible, and it says otherwise"
    if bool(cell.doubt) != (cell.impossible or bool(cell.audit and cell.audit.failure)):
        return "what it says about doubts is not what its audit found"
    return ""


def _as_tally(documents: Columns) -> Tally:
    return Tally(**{name: documents[name] for name in Tally.__dataclass_fields__})


def _as_floor(documents: Columns) -> list[float] | None:
    """Return the nats that the source needs for each document, if that is known."""
    if "floor_bits" not in documents:
        return None
    floor: list[float] = (documents["floor_bits"] * math.log(2)).tolist()
    return floor


def _examine_verifications(directory: RunDirectory) -> Iterator[Finding]:
    used = directory.verifications()
    for file in sorted((directory.path / "checks").glob("*.json")):
        subject = f"checks of {file.stem}"
        try:
            verification = read_sealed(Verification, file)
        except ResultsError as error:
            yield Finding(subject, True, str(error))
            continue
        subject = f"checks of {verification.model}"
        if file.stem != model_stem(verification.model):
            yield Finding(subject, True, f"{file} holds those of another model")
        elif verification.model not in used:
            yield Finding(subject, False, "not used: they are those of another version of the model")
        elif verification.doubt != _judge(verification):
            yield Finding(subject, True, "the verdict is not that of the outcomes")
        else:
            yield Finding(subject, False, verification.doubt or "verified")


def _judge(verification: Verification) -> str:
    """Return the doubt that follows from the outcomes; that which is stored if the suite did not end."""
    if not verification.outcomes:
        return verification.doubt or "the suite did not end"
    blank = {"doubt": find_doubt(verification.outcomes), "own_outcomes": ()}
    judged = verification.model_copy(update=blank)
    return judged.with_own(verification.own_outcomes).doubt if verification.own_outcomes else judged.doubt


class _Finder:
    """Finds the models and texts of a run again.

    Args:
        manifest: The record of the run.
        progress: Receives reports of loading texts.
    """

    def __init__(self, manifest: Manifest, progress: Progress) -> None:
        self._progress = progress
        self._models = {model.label: model for model in manifest.models}
        self._corpora = {corpus.name: corpus for corpus in manifest.corpora}
        tables = manifest.study.experiments if manifest.study else ()
        self._names = [(name, table.corpus_options) for table in tables for name in table.corpora]
        self._loaded: dict[str, Corpus | LmbenchError] = {}
        self._tasks: dict[str, Task] = {}

    def make_job(self, row: Row) -> CellJob | TaskJob:
        """Return the job that evaluates a row again, without an audit.

        Raises:
            LmbenchError: Its model, its text or its task is not here, or is another one.
        """
        if row.kind == "task":
            return self._make_task_job(row)
        model, whole = self._find_model(row.model), self._find_corpus(row.corpus)
        corpus = take_training(whole, TrainingPart.parse(row.train_size))
        if cell_key(model.identity, model.pretrained, corpus) != row.key:
            raise LmbenchError(f"{row.model} has changed since: its version, or a file that it reads")
        return CellJob(row, model, corpus, audit="none", keep_scores=False, use_store=False)

    def _make_task_job(self, row: Row) -> TaskJob:
        if row.corpus not in self._tasks:
            self._tasks[row.corpus] = load_task(row.corpus, progress=self._progress)
        model, task = self._find_model(row.model), self._tasks[row.corpus]
        [cell] = Experiment((model,), (), train_parts=(TrainingPart.parse(row.train_size),), tasks=(task,)).plan()
        if cell.row.key != row.key or not isinstance(cell.subject, Task):
            raise LmbenchError(f"{row.corpus} or {row.model} has changed since: its items, or its version")
        return TaskJob(row, model, cell.subject, use_store=False)

    def _find_model(self, label: str) -> SelectedModel:
        [model] = select_models(self._models[label].spec)
        if isinstance(model, SelectedModel):
            return model
        raise model.error

    def _find_corpus(self, name: str) -> Corpus:
        if name not in self._loaded:
            self._loaded[name] = self._load(self._corpora[name])
        found = self._loaded[name]
        if isinstance(found, LmbenchError):
            raise found
        return found

    def _load(self, record: CorpusRecord) -> Corpus | LmbenchError:
        """Return the corpus of a record, or why it is not here."""
        reason: LmbenchError = CorpusError(f"the text of {record.name} is another one than in the run")
        names = [*self._names, (record.name, NO_OPTIONS)]
        for name, options in sorted(names, key=lambda named: record.name not in named[0]):
            for whole in (False, True):
                try:
                    corpus = read_corpus(name, options, self._progress, whole)
                except LmbenchError as error:
                    reason = error
                    continue
                if corpus.name == record.name and digest_corpus(corpus) == record.digest:
                    return corpus
        return reason


def _compare_tasks(spec: ModelSpec, first: Cell, folder: Path, again: Cell, again_folder: Path) -> Finding:
    """Return how the answers of a task's cell compare with those of its second evaluation."""
    subject = _name(first.row)
    if not (again.figures and first.figures):
        return Finding(subject, again.status == "failed", f"evaluated again: {again.status}: {again.error}")
    stored, new = cell_files.read_responses(folder), cell_files.read_responses(again_folder)
    figure = f"{again.figures[0].metric} {again.figures[0].value:.4g}"
    if stored == new:
        return Finding(subject, False, f"{figure}, evaluated again: the same to the last bit")
    if _LIMITED in (*first.remarks, *again.remarks):
        return Finding(subject, False, f"not comparable: it was trained for a limited time, and now has {figure}")
    if _place(first) == _place(again):
        return Finding(subject, True, f"evaluated again on the same machine: {figure}, and other answers")
    if _answer_alike(stored, new, _ask_tolerance(spec)):
        return Finding(subject, False, f"{figure}, evaluated again: the same within the rounding of another machine")
    return Finding(subject, True, f"evaluated again on another machine or with other libraries: {figure}")


def _answer_alike(first: Mapping[str, Sequence[Any]], second: Mapping[str, Sequence[Any]], tolerance: float) -> bool:
    """Return whether two lists of answers have log-probabilities that differ by no more than equal scores may."""
    if first["events"] != second["events"]:
        return False
    pairs = zip(first["logprob"], second["logprob"], first["events"], strict=True)
    return all(one is None or abs(one - other) <= total_tolerance(tolerance, events) for one, other, events in pairs)


def _compare(spec: ModelSpec, first: Cell, folder: Path, again: Cell, again_folder: Path) -> Finding:
    """Return how a cell's numbers compare with those of its second evaluation."""
    subject = _name(first.row)
    if again.metrics is None or first.metrics is None:
        return Finding(subject, again.status == "failed", f"evaluated again: {again.status}: {again.error}")
    columns = cell_files.read_documents(folder), cell_files.read_documents(again_folder)
    stored, new = (_as_tally(column) for column in columns)
    bits = f"{again.metrics.bits_per_byte:.4f} bits/byte"
    if np.array_equal(stored.bits, new.bits) and np.array_equal(stored.events, new.events):
        return Finding(subject, False, f"{bits}, evaluated again: the same to the last bit")
    if _LIMITED in (*first.remarks, *again.remarks):
        return Finding(subject, False, f"not comparable: it was trained for a limited time, and now has {bits}")
    difference = f"{again.metrics.bits!r} bits in all, but {first.metrics.bits!r} in the run"
    if _place(first) == _place(again):
        return Finding(subject, True, f"evaluated again on the same machine: {difference}")
    if _are_close(stored, new, _ask_tolerance(spec)):
        return Finding(subject, False, f"{bits}, evaluated again: the same within the rounding of another machine")
    return Finding(subject, True, f"evaluated again on another machine or with other libraries: {difference}")


def _place(cell: Cell) -> object:
    """Return all facts of a cell that may change the last bits of its numbers."""
    where = cell.provenance
    return where and (where.machine, where.python, where.versions, where.threads)


def _are_close(first: Tally, second: Tally, tolerance: float) -> bool:
    """Return whether the bits of each document differ by no more than equal scores of its events may."""
    if not np.array_equal(first.events, second.events):
        return False
    events = first.events.tolist()
    allowed = np.array([total_tolerance(tolerance, count) for count in events]) / math.log(2)
    return bool((np.abs(first.bits - second.bits) <= allowed).all())


def _ask_tolerance(spec: ModelSpec) -> float:
    """Return the nats by which equal scores of a model may differ, which a process finds out; 0 if it cannot."""
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        found = Worker().run(partial(_find_tolerance, spec), Path(folder) / "log", lambda message: None)
    return found if isinstance(found, float) else 0.0


def _find_tolerance(spec: ModelSpec, channel: Channel) -> float:
    return tolerance_of(resolve(spec).build())


def _new_folder(parent: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=parent))


def _name(row: Row) -> str:
    return f"{row.label} on {row.corpus}"
