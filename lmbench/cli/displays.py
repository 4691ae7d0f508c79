"""Displays of progress on the terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich import progress as bars
from rich.console import Console

from lmbench.cli.output import echo
from lmbench.printable import printable
from lmbench.progress import Progress
from lmbench.report.markup import literal
from lmbench.runs.runner import RunProgress
from lmbench.runs.store import Cell


class _BarDisplay(Progress):
    """Shows bars on a console, and prints each notice once. Use it as a context manager.

    Args:
        console: If it is not a terminal, there are no bars.
        columns: The columns of a bar.
    """

    def __init__(self, console: Console, *columns: bars.ProgressColumn) -> None:
        self._console = console
        self._bars = bars.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
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


class RunDisplay(_BarDisplay, RunProgress):
    """Shows a bar for the current cell, and prints a line for each finished cell."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            bars.SpinnerColumn(),
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=20),
            bars.TimeElapsedColumn(),
            bars.TextColumn("{task.fields[step]}", markup=False),
        )
        self._task: bars.TaskID | None = None
        self._cell = ""

    def __call__(self, message: str, share: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=share, step=printable(message))

    def check_started(self, number: int, total: int, model: str) -> None:
        self._start_bar(f"checking {number}/{total} {model}")

    def cell_started(self, number: int, total: int, model: str, corpus: str) -> None:
        self._cell = f"{number}/{total} {model} on {corpus}"
        self._start_bar(self._cell)

    def cell_finished(self, cell: Cell) -> None:
        self._print(f"{self._cell}: {_summarize(cell)}")

    def fit_started(self, corpus: str) -> None:
        """Report that a model is fitted outside a run."""
        self._start_bar(f"fitting on {corpus}")

    def _start_bar(self, label: str) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(printable(label), total=1.0, step="starting")


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


def _summarize(cell: Cell) -> str:
    """Return a cell's result in one line."""
    if cell.metrics is None or cell.costs is None:
        return f"{cell.status}: {cell.error}"
    fit = "" if cell.costs.fit_seconds is None else f"fit {cell.costs.fit_seconds:.1f} s, "
    doubt = f" ‡ {cell.doubt}" if cell.doubt else ""
    return f"{cell.metrics.bits_per_byte:.4f} bits/byte ({fit}score {cell.costs.score_seconds:.1f} s){doubt}"
