"""Reports of a run: about its jobs, which may run at the same time, and about the cells that end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lmbench.progress import Progress
from lmbench.runs.records import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class JobName:
    """A job of a run: a cell, or the conformance suite on a model. Hashable, so that it can be a key.

    Attributes:
        kind: "cell" or "check".
        model: The spec of the model.
        corpus: The name of the corpus; "" if the job is a check.
        number: Which job of its kind it is, from 1.
        total: How many jobs of its kind the run has.
    """

    kind: Literal["cell", "check"]
    model: str
    corpus: str = ""
    number: int
    total: int


class RunProgress(Progress):
    """Receives reports of a run. This class ignores all except notices; subclasses show them.

    Several threads may call it at the same time, each for a job of its own. Calls of the progress itself are about the
    run as a whole: the few steps of its preparation.
    """

    def planned(self, total_cells: int, stored: int) -> None:
        """Report how many cells the run has, and how many of them are stored already. Called once, before all jobs."""

    def job_started(self, job: JobName) -> None:
        """Report that a job starts."""

    def job_progress(self, job: JobName, message: str, share: float) -> None:
        """Report the current step of a job; see `Progress`."""

    def job_memory(self, job: JobName, size: int) -> None:
        """Report how many bytes of memory are resident in a job's process now."""

    def job_received(self, job: JobName, url: str, done: int, total: int | None) -> None:
        """Report a download of a job; see `Progress.received`."""

    def cell_finished(self, cell: Cell) -> None:
        """Report that a cell is stored, successfully or not. Called before `job_ended` of its job."""

    def job_ended(self, job: JobName, summary: str = "") -> None:
        """Report that a job has ended, whatever ended it.

        Args:
            job: The job.
            summary: Its result in one line; "" for a cell, which has `cell_finished`.
        """

    def written(self, path: Path) -> None:
        """Report that the run has ended, and that its tables are in its directory."""

    def progress_of(self, job: JobName) -> Progress:
        """Return a progress whose reports are about one job."""
        return _JobProgress(self, job)


class _JobProgress(Progress):
    def __init__(self, run: RunProgress, job: JobName) -> None:
        self._run, self._job = run, job

    def __call__(self, message: str, share: float) -> None:
        self._run.job_progress(self._job, message, share)

    def notice(self, line: str) -> None:
        self._run.notice(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        self._run.job_received(self._job, url, done, total)
