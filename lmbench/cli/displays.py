"""What the terminal shows while a command works."""

from __future__ import annotations

from types import TracebackType

import click
from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from lmbench.progress import Progress
from lmbench.runs.runner import RunProgress
from lmbench.runs.store import Cell


class RunDisplay(RunProgress):
    """A bar for the running cell, a line for each finished one and each notice. Without a terminal, only the lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = bars.Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._label = ""

    def __enter__(self) -> RunDisplay:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def check_started(self, number: int, total: int, model: str) -> None:
        self._begin(f"checking {number}/{total} {model}")

    def fit_started(self, corpus: str) -> None:
        """A model is being fitted outside a run."""
        self._begin(f"fitting on {corpus}")

    def cell_started(self, number: int, total: int, model: str, corpus: str) -> None:
        self._label = f"{number}/{total} {model} on {corpus}"
        self._begin(self._label)

    def notice(self, line: str) -> None:
        self._console.print(escape(line), soft_wrap=True, highlight=False)

    def __call__(self, message: str, share: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=share, doing=escape(message))

    def cell_finished(self, cell: Cell) -> None:
        self._console.print(f"{escape(self._label)}: {escape(_outcome(cell))}", soft_wrap=True, highlight=False)

    def _begin(self, label: str) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(escape(label), total=1.0, doing="starting")


class NoticeDisplay(Progress):
    """Prints notices on standard error, and nothing else."""

    def notice(self, line: str) -> None:
        click.echo(line, err=True)


class DownloadDisplay(Progress):
    """A bar for each file that is being downloaded. Without a terminal, nothing."""

    def __init__(self, console: Console) -> None:
        self._bars = bars.Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> DownloadDisplay:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def received(self, url: str, done: int, total: int | None) -> None:
        """Show a bar for the address from its first bytes on."""
        if url not in self._tasks:
            self._tasks[url] = self._bars.add_task(escape(url.rsplit("/", 1)[-1]), total=total)
        self._bars.update(self._tasks[url], completed=done, total=total)


def _outcome(cell: Cell) -> str:
    if cell.metrics is None or cell.costs is None:
        return f"{cell.status}: {cell.error}"
    fit = "" if cell.costs.fit_seconds is None else f"fit {cell.costs.fit_seconds:.1f} s, "
    return f"{cell.metrics.bits_per_byte:.4f} bits/byte ({fit}score {cell.costs.score_seconds:.1f} s)"
