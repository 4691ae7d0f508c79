"""Run models in a test, and record what the run reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lmbench import Corpus
from lmbench.runs import runner
from lmbench.runs.engines import LocalEngine
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.experiment import Experiment
from lmbench.runs.models import select_models
from lmbench.runs.records import AuditKind, Cell
from lmbench.runs.store import RunDirectory
from lmbench.runs.templates import Workers
from lmbench.tasks.task import Task


class Recorder(RunProgress):
    """Records what a run reports.

    Attributes:
        events: ("check", number, total, model) for a check that starts, (number, total, model, corpus) for a cell that
            starts, and the status of each cell that ends.
        messages: The (message, share) pairs, in order.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str | int, ...] | str] = []
        self.messages: list[tuple[str, float]] = []

    def job_progress(self, job: JobName, message: str, share: float) -> None:
        self.messages.append((message, share))

    def job_started(self, job: JobName) -> None:
        if job.kind == "check":
            self.events.append(("check", job.number, job.total, job.model))
        else:
            self.events.append((job.number, job.total, job.model, job.corpus))

    def cell_finished(self, cell: Cell) -> None:
        self.events.append(cell.status)


def run(
    models: str,
    corpora: Sequence[Corpus],
    path: Path,
    progress: RunProgress | None = None,
    check: bool = False,
    audit: AuditKind = "sample",
    jobs: int = 1,
    use_store: bool = True,
    tasks: Sequence[Task] = (),
) -> RunDirectory:
    """Run the models of a comma-separated list, by default one after the other and without checking them."""
    options = runner.RunOptions(use_store=use_store)
    with Workers() as workers:
        selected = select_models(models, start=workers.start)
        experiment = Experiment(selected, tuple(corpora), check, audit, tasks=tuple(tasks))
        return runner.run(experiment, path, LocalEngine(workers, jobs), progress or RunProgress(), options)
