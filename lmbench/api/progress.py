"""Progress of a run in Python: a bar in a notebook or a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from html import escape
from threading import RLock
from types import TracebackType
from typing import Any, Self

from lmbench.api.notebook import is_notebook
from lmbench.printable import printable
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.records import Cell

_INTERVAL = 0.25  # seconds between two updates of a bar


def open_progress(is_wanted: bool) -> AbstractContextManager[RunProgress]:
    """Return a context with what shows the progress of a run.

    Args:
        is_wanted: Whether to show anything. Notices are then shown with the bar, and are else warnings.
    """
    if is_wanted and is_notebook():
        return _NotebookBar()
    if is_wanted and sys.stderr.isatty():
        return _TerminalBar()
    return nullcontext(RunProgress())


class _Bar(RunProgress):
    """One bar for a whole run. Several threads may call it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._message, self._stored, self._total, self._failed = "", 0, 0, 0
        self._shares: dict[JobName, float] = {}
        self._notices: dict[str, None] = {}
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._shares.clear()
            self._message = "" if error is None else "interrupted" if kind is KeyboardInterrupt else "stopped"
            self._close()

    def __call__(self, message: str, share: float) -> None:
        self._show(message)

    def notice(self, line: str) -> None:
        with self._lock:
            self._notices[line] = None
            self._show(self._message, at_once=True)

    def received(self, url: str, done: int, total: int | None) -> None:
        name = url.rsplit("/", 1)[-1]
        self._show(f"downloading {name}{f': {done / total:.0%}' if total else ''}")

    def planned(self, total_cells: int, stored: int) -> None:
        with self._lock:
            self._stored, self._total = stored, total_cells

    def job_started(self, job: JobName) -> None:
        self.job_progress(job, "", 0.0)

    def job_progress(self, job: JobName, message: str, share: float) -> None:
        with self._lock:
            self._shares[job] = share
            what = f"{job.model} on {job.corpus}" if job.kind == "cell" else f"checking {job.model}"
            self._show(f"{what}: {message}" if message else what)

    def job_received(self, job: JobName, url: str, done: int, total: int | None) -> None:
        self.received(url, done, total)

    def cell_finished(self, cell: Cell) -> None:
        with self._lock:
            self._stored += 1
            self._failed += cell.status == "failed"

    def job_ended(self, job: JobName, summary: str = "") -> None:
        with self._lock:
            self._shares.pop(job, None)
            self._show(self._message)

    @property
    def _share(self) -> float:
        """The share of the cells that is done; before there are any, that of the checks."""
        cells = [share for job, share in self._shares.items() if job.kind == "cell"]
        if self._total:
            return min((self._stored + sum(cells)) / self._total, 1.0)
        return max(((job.number - 1 + share) / job.total for job, share in self._shares.items()), default=0.0)

    @property
    def _text(self) -> str:
        count = f"{self._stored} of {self._total} cells" if self._total else ""
        failed = f"{self._failed} failed" if self._failed else ""
        return printable(", ".join(filter(None, (count, failed, self._message))))

    def _show(self, message: str, at_once: bool = False) -> None:
        """Show a message, unless the bar was updated just now."""
        with self._lock:
            self._message = message
            if at_once or time.monotonic() >= self._shown + _INTERVAL:
                self._shown = time.monotonic()
                self._draw()

    def _draw(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class _NotebookBar(_Bar):
    """A bar in the output of a notebook's cell, with the notices below it."""

    def __init__(self) -> None:
        super().__init__()
        self._output: Any = None

    def _draw(self) -> None:
        from IPython.display import HTML, display

        notices = "".join(f"<div><small>{escape(printable(line))}</small></div>" for line in self._notices)
        bar = f'<progress max="1" value="{self._share:.4f}"></progress> <small>{escape(self._text)}</small>{notices}'
        if self._output is None:
            self._output = display(HTML(bar), display_id=True)
        else:
            self._output.update(HTML(bar))

    def _close(self) -> None:
        from IPython.display import HTML

        if self._total or self._notices:
            self._draw()
        elif self._output is not None:  # the run ended before it had a plan, with an error that says it all
            self._output.update(HTML(""))


class _TerminalBar(_Bar):
    """A bar in a terminal, which disappears in the end. Notices are printed above it."""

    def __init__(self) -> None:
        from rich import progress as bars
        from rich.console import Console

        super().__init__()
        columns = (bars.BarColumn(bar_width=20), bars.TextColumn("{task.description}", markup=False))
        self._bars = bars.Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4)
        self._task = self._bars.add_task("", total=1.0)
        self._printed = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def _draw(self) -> None:
        for line in list(self._notices)[self._printed :]:
            self._bars.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
        self._printed = len(self._notices)
        self._bars.update(self._task, description=self._text, completed=self._share)

    def _close(self) -> None:
        self._bars.stop()
