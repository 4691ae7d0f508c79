"""Displays of progress on the terminal."""

from __future__ import annotations

from threading import RLock
from types import TracebackType
from typing import Self

from rich import progress as bars
from rich.console import Console

from lmbench.cli.live_lines import LiveLine, Shortened, columns, line_of, size
from lmbench.cli.output import echo
from lmbench.printable import printable
from lmbench.progress import Progress
from lmbench.report.marks import describe_unknown
from lmbench.report.markup import literal
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.records import Cell


class _BarDisplay(Progress):
    """Shows bars on a console, and prints each notice once. Use it as a context manager.

    Args:
        console: If it is not a terminal, there are no bars.
        columns: The columns of a bar.
    """

    def __init__(self, console: Console, *columns: bars.ProgressColumn) -> None:
        self._console = console
        self._bars = bars.Progress(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            expand=True,
            refresh_per_second=4,
        )
        self._announced: set[str] = set()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def notice(self, line: str) -> None:
        if line not in self._announced:  # a model is loaded for its check and for each of its cells
            self._announced.add(line)
            self._print(line)

    def _print(self, line: str) -> None:
        self._console.print(literal(line), soft_wrap=True, highlight=False)


class _LineDisplay(_BarDisplay):
    """Shows a live line for each piece of work."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, *columns(console.width))

    def _add(self, label: Shortened) -> bars.TaskID:
        return self._bars.add_task("", total=1.0, line=LiveLine(label))

    def _line(self, number: bars.TaskID) -> tuple[LiveLine, float]:
        """Return a line, and for how many seconds it has been shown."""
        task = next(task for task in self._bars.tasks if task.id == number)
        return line_of(task), task.elapsed or 0.0

    def _advance(self, number: bars.TaskID, message: str, share: float) -> None:
        line, now = self._line(number)
        line.advance(message, share, now)
        self._bars.update(number, completed=share)


class WorkDisplay(_LineDisplay):
    """Shows a line for one piece of work outside a run, such as fitting a model."""

    def __init__(self, console: Console, label: str) -> None:
        super().__init__(console)
        self._task = self._add(Shortened(label))

    def __call__(self, message: str, share: float) -> None:
        self._advance(self._task, message, share)

    def received(self, url: str, done: int, total: int | None) -> None:
        self._advance(self._task, *_download(url, done, total))


class RunDisplay(_LineDisplay, RunProgress):
    """Shows a bar for all cells and a live line for each job, and prints a line for each finished cell.

    Without a terminal, it prints the steps of the run's preparation and the lines of finished cells. Threads may call
    it at the same time.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._lock = RLock()
        self._jobs: dict[JobName, bars.TaskID] = {}
        self._all = self._add(Shortened("preparing"))
        self._checked = self._done = self._total = self._failed = 0

    def __call__(self, message: str, share: float) -> None:
        with self._lock:
            self._advance(self._all, message, share)
            if not self._console.is_terminal:
                RunDisplay.notice(self, message)

    def notice(self, line: str) -> None:
        with self._lock:
            super().notice(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        with self._lock:
            self._advance(self._all, *_download(url, done, total))

    def planned(self, total_cells: int, stored: int) -> None:
        with self._lock:
            self._done, self._total = stored, total_cells
            if stored:
                self._print(f"{stored} of {total_cells} cells are stored already")
            line, now = self._line(self._all)
            line.begin(stored / total_cells if total_cells else 0.0, now)
            self._count("cells", stored, total_cells)

    def job_started(self, job: JobName) -> None:
        with self._lock:
            self._jobs[job] = self._add(_label(job))
            if job.kind == "check":
                self._count("checks", self._checked, job.total)

    def job_progress(self, job: JobName, message: str, share: float) -> None:
        with self._lock:
            if job in self._jobs:
                self._advance(self._jobs[job], message, share)

    def job_received(self, job: JobName, url: str, done: int, total: int | None) -> None:
        self.job_progress(job, *_download(url, done, total))

    def job_memory(self, job: JobName, size: int) -> None:
        with self._lock:
            if job in self._jobs:
                self._line(self._jobs[job])[0].memory = size

    def job_ended(self, job: JobName, summary: str = "") -> None:
        with self._lock:
            if job in self._jobs:
                self._bars.remove_task(self._jobs.pop(job))
            if summary:
                self._print(f"{_label(job)}: {summary}")
            if job.kind == "check":
                self._checked += 1
                self._count("checks", self._checked, job.total)

    def cell_finished(self, cell: Cell) -> None:
        with self._lock:
            self._done += 1
            self._failed += cell.status == "failed"
            self._print(f"{self._done}/{self._total} {cell.label} on {cell.corpus}: {summarize(cell)}")
            self._count("cells", self._done, self._total)

    def _count(self, things: str, done: int, total: int) -> None:
        """Show how many checks or cells are done."""
        line, _ = self._line(self._all)
        line.label = Shortened(f"{done} of {total} {things}")
        self._advance(self._all, f"{self._failed} failed" if self._failed else "", done / total if total else 1.0)


class LoadingProgress(Progress):
    """The progress of loading corpora in a run: announces how files are read."""

    def __init__(self, run: RunProgress) -> None:
        self._run = run

    def __call__(self, message: str, share: float) -> None:
        self._run.notice(message)

    def notice(self, line: str) -> None:
        self._run.notice(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        self._run.received(url, done, total)


class QuietDisplay(RunProgress):
    """Prints a line for each failed cell on standard error, and nothing else."""

    def notice(self, line: str) -> None:
        pass

    def cell_finished(self, cell: Cell) -> None:
        if cell.status == "failed":
            echo(f"{cell.label} on {cell.corpus}: {summarize(cell)}", err=True)


class NoticeDisplay(Progress):
    """Prints notices on standard error, and nothing else."""

    def notice(self, line: str) -> None:
        echo(line, err=True)


class DownloadDisplay(_BarDisplay):
    """Shows a bar for each file that is downloaded, and prints how files are read."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=20),
            bars.DownloadColumn(),
            bars.TransferSpeedColumn(),
        )
        self._tasks: dict[str, bars.TaskID] = {}

    def __call__(self, message: str, share: float) -> None:
        self.notice(message)

    def received(self, url: str, done: int, total: int | None) -> None:
        if url not in self._tasks:
            self._tasks[url] = self._bars.add_task(printable(url.rsplit("/", 1)[-1]), total=total)
        self._bars.update(self._tasks[url], completed=done, total=total)


def summarize(cell: Cell) -> str:
    """Return a cell's result in one line."""
    if cell.costs is None:
        return f"{cell.status}: {cell.error}"
    earlier = " earlier" if cell.costs.was_stored else ""
    fit = "" if cell.costs.fit_seconds is None else f"fit {cell.costs.fit_seconds:.1f} s{earlier}, "
    if cell.metrics is None:
        first = cell.figures[0]
        return (
            f"{first.metric} {first.value:.4g} of {first.items:,} items ({fit}answer {cell.costs.score_seconds:.1f} s)"
        )
    doubt = f" ‡ {cell.doubt}" if cell.doubt else ""
    unknown = f"; {found}" if (found := describe_unknown(cell.metrics)) else ""
    return f"{cell.metrics.bits_per_byte:.4f} bits/byte ({fit}score {cell.costs.score_seconds:.1f} s){doubt}{unknown}"


def _label(job: JobName) -> Shortened:
    return Shortened(job.model, f" on {job.corpus}") if job.kind == "cell" else Shortened(f"checking {job.model}")


def _download(url: str, done: int, total: int | None) -> tuple[str, float]:
    """Return the step and the share of a download."""
    name = url.rsplit("/", 1)[-1]
    if total is None:
        return f"downloading {name}: {size(done)}", 0.0
    return f"downloading {name}: {size(done)} of {size(total)}", min(done / total, 1.0) if total else 1.0
