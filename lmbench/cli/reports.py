"""The tables and pictures of a run directory, which several commands write and print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmbench.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lmbench.report.contents import Contents
    from lmbench.report.page.document import Page
    from lmbench.report.ranked_run import RankedRun
    from lmbench.runs.store import RunDirectory


def read_results(
    directory: RunDirectory, margin: float | None = None, baseline: str | None = None, with_texts: bool = False
) -> RankedRun:
    """Read and rank the results of a run.

    Args:
        directory: The run.
        margin: Bits per byte within which models are equal; None for the default.
        baseline: The model that others are divided by over several corpora; None to choose one.
        with_texts: Whether the page shows the texts and the analyses of words. Nothing is downloaded for them.

    Raises:
        LmbenchError: The results contradict each other, or the baseline is unknown.
    """
    from lmbench.analysis.texts import Texts
    from lmbench.report.ranked_run import RankedRun
    from lmbench.statistics import MARGIN

    texts = Texts(directory.manifest, may_download=False) if with_texts else None
    return RankedRun.read(directory, MARGIN if margin is None else margin, baseline, texts)


def write_report(results: RankedRun) -> Page:
    """Write the tables and pictures of a run into its directory, and return what the page shows."""
    from lmbench.report import exhibits, tables

    page = tables.write(results)
    exhibits.write(results.directory)
    return page


def write_plots(page: Page, folder: Path) -> int:
    """Write the charts of a page into a folder, and return their number."""
    from rich.console import Console

    from lmbench.cli.displays import WorkDisplay
    from lmbench.report.page.document import list_charts
    from lmbench.report.pictures import write_all

    with WorkDisplay(Console(stderr=True), "charts") as display:
        return len(list(write_all(list_charts(page), folder, display)))


def print_tables(results: RankedRun) -> None:
    """Print the tables of a run, and where they were written."""
    from rich.console import Console

    from lmbench.report import tables

    console = Console()
    for table in tables.terminal(results):
        console.print(table)
    echo(f"Written: {results.directory.path}/{', '.join(tables.list_files(results))}")


def print_contents(tables: Iterable[Contents]) -> None:
    """Print tables that are not those of a run."""
    from rich.console import Console

    from lmbench.report.terminal_table import TerminalTable

    console = Console()
    for table in tables:
        console.print(TerminalTable(table))
