"""Showing on the terminal how a run goes on."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from lmbench.model import announced_download
from lmbench.runs.store import Cell


class TerminalWatcher:
    """A bar for the running cell, a line for each finished one and each download. Without a terminal, the lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
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

    def __enter__(self) -> TerminalWatcher:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def checking(self, number: int, total: int, model: str) -> None:
        self._begin(f"checking {number}/{total} {model}")

    def fitting(self, corpus: str) -> None:
        """A model is fitted on its own, outside of a run."""
        self._begin(f"fitting on {corpus}")

    def started(self, number: int, total: int, model: str, corpus: str) -> None:
        self._label = f"{number}/{total} {model} on {corpus}"
        self._begin(self._label)

    def progressed(self, message: str, share: float) -> None:
        if line := announced_download(message):
            self._console.print(escape(line), soft_wrap=True, highlight=False)
        if self._task is not None:
            self._bars.update(self._task, completed=share, doing=escape(message))

    def finished(self, cell: Cell) -> None:
        self._console.print(f"{escape(self._label)}: {escape(_outcome(cell))}", soft_wrap=True, highlight=False)

    def _begin(self, label: str) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(escape(label), total=1.0, doing="starting")


class DownloadWatcher:
    """A bar for every file that is being downloaded. Without a terminal, nothing."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> DownloadWatcher:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def received(self, url: str, done: int, total: int | None) -> None:
        """More of an address has arrived; its bar appears with the first bytes."""
        if url not in self._tasks:
            self._tasks[url] = self._bars.add_task(escape(url.rsplit("/", 1)[-1]), total=total)
        self._bars.update(self._tasks[url], completed=done, total=total)


def _outcome(cell: Cell) -> str:
    if cell.metrics is None or cell.costs is None:
        return f"{cell.status}: {cell.error}"
    fit = "" if cell.costs.fit_seconds is None else f"fit {cell.costs.fit_seconds:.1f} s, "
    return f"{cell.metrics.bits_per_byte:.4f} bits/byte ({fit}score {cell.costs.score_seconds:.1f} s)"
