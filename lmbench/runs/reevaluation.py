"""Evaluate cells of a run again, and compare their numbers with those that are stored."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lmbench.checks.comparison import tolerance_of, total_tolerance
from lmbench.corpora.loading import read_corpus
from lmbench.corpora.options import NO_OPTIONS
from lmbench.corpora.selection import TrainingPart, take_training
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, message_of
from lmbench.identity import cell_key
from lmbench.metrics import Tally
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
from lmbench.runs.records import Cell, CorpusRecord, Manifest, Row
from lmbench.runs.store import RunDirectory
from lmbench.runs.task_cells import TaskJob
from lmbench.runs.verifying import Finding, as_tally, describe_row
from lmbench.runs.worker import Channel, Worker
from lmbench.tasks.loading import TaskLoader
from lmbench.tasks.task import Task

_LIMITED = "time-limited"  # a model's remark


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
            yield Finding(describe_row(cell.row), False, f"not evaluated again: {message_of(error)}")
    stored = {cell.row: cell for cell in cells}
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        for order, done in engine.run(orders, partial(_new_folder, Path(folder)), progress):
            if not isinstance(order.job, CheckJob) and done.cell is not None:
                first = stored[order.job.row]
                compare = _compare if first.kind == "text" else _compare_tasks
                yield compare(order.job.model.spec, first, directory.folder(first.row), done.cell, done.folder)
            progress.job_ended(order.name)


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
        self._tasks = TaskLoader()

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
        task, model = self._tasks.load(row.corpus, self._progress), self._find_model(row.model)
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
    subject = describe_row(first.row)
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
    subject = describe_row(first.row)
    if again.metrics is None or first.metrics is None:
        return Finding(subject, again.status == "failed", f"evaluated again: {again.status}: {again.error}")
    columns = cell_files.read_documents(folder), cell_files.read_documents(again_folder)
    stored, new = (as_tally(column) for column in columns)
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
