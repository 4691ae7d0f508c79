"""Run models in a test, and record what the run reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lmbench import Corpus
from lmbench.runs import runner
from lmbench.runs.experiment import Experiment, select_models
from lmbench.runs.runner import RunProgress
from lmbench.runs.store import AuditKind, Cell, RunDirectory


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

    def __call__(self, message: str, share: float) -> None:
        self.messages.append((message, share))

    def check_started(self, number: int, total: int, model: str) -> None:
        self.events.append(("check", number, total, model))

    def cell_started(self, number: int, total: int, model: str, corpus: str) -> None:
        self.events.append((number, total, model, corpus))

    def cell_finished(self, cell: Cell) -> None:
        self.events.append(cell.status)


def run(
    models: str,
    corpora: Sequence[Corpus],
    path: Path,
    progress: RunProgress | None = None,
    check: bool = False,
    audit: AuditKind = "sample",
) -> RunDirectory:
    """Run the models of a comma-separated list, by default without checking them."""
    return runner.run(Experiment(select_models(models), tuple(corpora), check, audit), path, progress or RunProgress())
