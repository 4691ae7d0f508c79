"""Run an experiment: find out what is missing, have an engine do it, and store the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lmbench.errors import LmbenchError
from lmbench.runs.cell_files import LOG, write_cell
from lmbench.runs.cells import CellJob
from lmbench.runs.engines import Engine, Order
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.experiment import Experiment, JointExperiment, PlannedCell, adopt_rows
from lmbench.runs.jobs import CheckJob, Done, Job, describe_failure
from lmbench.runs.models import BrokenModel
from lmbench.runs.records import AUDIT_KINDS, Cell, Row
from lmbench.runs.store import RunDirectory
from lmbench.runs.task_cells import TaskJob
from lmbench.runs.verdicts import keep_verdict, read_verdict, suite_key
from lmbench.tasks.task import Task


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How an experiment is run, which changes none of its numbers.

    Attributes:
        keep_scores: Whether to store each event.
        use_store: Whether to use the store of fitted models.
        shard: Which share of the cells to run: (3, 16) is the third of sixteen.
    """

    keep_scores: bool = True
    use_store: bool = True
    shard: tuple[int, int] = (1, 1)


DEFAULTS = RunOptions()


def run(
    experiment: Experiment | JointExperiment,
    path: Path,
    engine: Engine,
    progress: RunProgress,
    options: RunOptions = DEFAULTS,
) -> RunDirectory:
    """Evaluate every model on every corpus and task, and store the results in a run directory.

    Cells that the directory already holds do not run again, unless they failed or are damaged, or the experiment asks
    for a stronger audit. If the suite checked a model with other options, the first cell of it that runs also checks it
    with its own.

    Args:
        experiment: The models, corpora and tasks. Models that the directory knows already keep their labels.
        path: The run directory, which may hold other cells.
        engine: Does the work.
        progress: Receives reports.
        options: How to run.

    Raises:
        LmbenchError: Something would fail in every cell, such as writing to the run directory. A failure within a cell
            is stored as the cell's error.
    """
    progress("reading the texts", 0.0)
    whole = experiment.plan()
    plan = _take_shard(whole, options.shard)
    with RunDirectory.growing(path, experiment.build_manifest(whole)) as directory:  # of shards too, so that they merge
        plan = adopt_rows(plan, directory.manifest.rows)
        started = _Run(directory, engine, progress, options)
        for damage in directory.damage():
            progress.notice(f"{damage.reason}; the cell is evaluated again")
        started.run_checks(plan)
        started.run_cells(plan)
        return directory


@dataclass(frozen=True, slots=True)
class _Run:
    """A run at work."""

    directory: RunDirectory
    engine: Engine
    progress: RunProgress
    options: RunOptions

    def run_checks(self, plan: Sequence[PlannedCell]) -> None:
        """Check the models that have not been checked yet, unless that takes too long for a run.

        A broken one has nothing to check: its cells say why.
        """
        stored = self.directory.verifications()
        jobs = []
        for model in {cell.model.label: cell.model for cell in plan if cell.check}.values():
            if isinstance(model, BrokenModel):
                continue
            key = suite_key(model)
            if model.label in stored and stored[model.label].key == key:
                continue
            if model.can_be_found_again and (known := read_verdict(key)) is not None:
                self.directory.write_verification(known.model_copy(update={"model": model.label}))
            elif model.checked_in_runs:
                jobs.append(CheckJob(model, key))
        self._do(jobs, self._keep_verification)

    def run_cells(self, plan: Sequence[PlannedCell]) -> None:
        """Run the cells that are missing or failed, or that were audited or checked less than they should be."""
        stored = {cell.row: cell for cell in self.directory.all_cells()}
        broken = [(cell.row, cell.model.error) for cell in plan if isinstance(cell.model, BrokenModel)]
        jobs = list(self._choose_cells(plan, stored))
        self.progress.planned(len(plan), len(plan) - len(jobs) - len(broken))
        for row, error in broken:
            self._store_failure(row, error)
        self._do(jobs, self._keep_cell)

    def _choose_cells(self, plan: Sequence[PlannedCell], stored: dict[Row, Cell]) -> Iterator[CellJob | TaskJob]:
        """Yield the job of each cell that has to be evaluated, and can be."""
        unchecked = {label for label, found in self.directory.verifications().items() if found.lacks_own}
        for cell in plan:
            before = stored.get(cell.row)
            if isinstance(cell.model, BrokenModel):
                continue
            use_store = self.options.use_store and cell.model.can_be_found_again
            if isinstance(cell.subject, Task):
                if before is None or before.status != "ok":
                    yield TaskJob(cell.row, cell.model, cell.subject, use_store)
                continue
            checks = cell.check and cell.model.label in unchecked and not (before and before.pseudo)
            if before and before.status == "ok" and before.has_audit(cell.audit) and not checks:
                continue
            if checks:
                unchecked.discard(cell.model.label)
            audit = max(cell.audit, before.audit_kind if before else "none", key=AUDIT_KINDS.index)
            yield CellJob(cell.row, cell.model, cell.subject, audit, checks, self.options.keep_scores, use_store)

    def _do(self, jobs: Sequence[Job], keep: Callable[[Done], None]) -> None:
        """Do jobs, and store each as it ends."""
        orders = [Order(job, _name_job(job, number, len(jobs))) for number, job in enumerate(jobs, start=1)]
        with closing(self.engine.run(orders, self.directory.new_work_folder, self.progress)) as ended:
            for order, done in ended:
                keep(done)
                summary = "" if done.verification is None else done.verification.doubt or "verified"
                self.progress.job_ended(order.name, summary)

    def _keep_verification(self, done: Done) -> None:
        self.directory.keep_log(done.folder / LOG, done.job.model.label)
        if done.verification is not None:
            self.directory.write_verification(done.verification)
            if done.verification.outcomes and done.job.model.can_be_found_again:
                keep_verdict(done.verification)

    def _keep_cell(self, done: Done) -> None:
        if done.cell is None:
            return
        if (
            done.outcomes
            and (found := self.directory.add_own_outcomes(done.cell.model, done.outcomes))
            and done.job.model.can_be_found_again
        ):
            keep_verdict(found)
        self.directory.adopt(done.folder, done.cell)
        self.progress.cell_finished(done.cell)

    def _store_failure(self, row: Row, error: LmbenchError) -> None:
        folder = self.directory.new_work_folder()
        cell = write_cell(folder, describe_failure(row, error), ())
        self.directory.adopt(folder, cell)
        self.progress.cell_finished(cell)


def _take_shard(plan: Sequence[PlannedCell], shard: tuple[int, int]) -> tuple[PlannedCell, ...]:
    """Return every n-th cell, so that each shard gets some of each corpus."""
    number, total = shard
    return tuple(plan[number - 1 :: total])


def _name_job(job: Job, number: int, total: int) -> JobName:
    if isinstance(job, CheckJob):
        return JobName(kind="check", model=job.model.label, number=number, total=total)
    return JobName(kind="cell", model=job.model.label, corpus=job.row.corpus, number=number, total=total)
