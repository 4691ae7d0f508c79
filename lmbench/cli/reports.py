"""The tables and pictures of a run directory, which several commands write and print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmbench.cli.output import echo

if TYPE_CHECKING:
    from lmbench.runs.store import RunDirectory


def write_report(directory: RunDirectory) -> None:
    """Write the tables and pictures of a run into its directory."""
    from lmbench.report import exhibits, tables

    tables.write(directory)
    exhibits.write(directory)


def print_tables(directory: RunDirectory) -> None:
    """Print the tables of a run, and where they were written."""
    from rich.console import Console

    from lmbench.report import tables

    console = Console()
    for table in tables.terminal(directory):
        console.print(table)
    echo(f"Written: {directory.path}/table.md, table.csv")
