"""``lmbench verify``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.output import echo

if TYPE_CHECKING:
    from lmbench.runs.records import Cell
    from lmbench.runs.store import RunDirectory
    from lmbench.runs.verifying import Finding


@click.command(
    epilog="""\b
Examples:
  lmbench verify results/run-20260101-120000
  lmbench verify results/all --sample 0      checksums and sums alone
  lmbench verify results/all --all"""
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    metavar="N",
    help="How many cells to evaluate again, chosen at random.",
)
@click.option("--all", "all_cells", is_flag=True, help="Evaluate all cells again.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the choice.")
def verify(run: Path, sample: int, all_cells: bool, seed: int) -> None:
    """Check what a run stores, and evaluate some cells again.

    Checksums are compared. The numbers are computed again from the stored documents and events. The cells of the sample
    are evaluated again: their models are fitted on the same text, and score it. The exit code is 1 if something is
    wrong.
    """
    from lmbench.runs import verifying
    from lmbench.runs.store import RunDirectory

    directory = RunDirectory.open(run)
    findings = verifying.examine(directory)
    _print(findings)
    chosen = verifying.sample_cells(findings, None if all_cells else sample, seed)
    again = _evaluate_again(directory, chosen)
    _print(again)
    wrong = sum(finding.is_wrong for finding in (*findings, *again))
    echo(f"{_count_cells(directory)}; {wrong or 'nothing'} wrong")
    if wrong:
        sys.exit(1)


def _count_cells(directory: RunDirectory) -> str:
    """Return how many cells of a run are stored, and how many are missing."""
    total, redone = len(directory.manifest.rows), len(directory.missing()) + len(directory.missing("task"))
    missing = redone - len(directory.damage())
    counts = f"{total - redone} of {total} cells are stored and undamaged"
    return f"{counts}, and {missing} missing" if missing else counts


def _evaluate_again(directory: RunDirectory, cells: list[Cell]) -> list[Finding]:
    from rich.console import Console

    from lmbench.cli.displays import RunDisplay
    from lmbench.runs.engines import LocalEngine
    from lmbench.runs.reevaluation import evaluate_again
    from lmbench.runs.templates import Workers

    if not cells:
        return []
    with Workers() as workers, RunDisplay(Console(stderr=True)) as display:
        return list(evaluate_again(directory, cells, LocalEngine(workers), display))


def _print(findings: Iterable[Finding]) -> None:
    for finding in findings:
        echo(f"{'WRONG' if finding.is_wrong else 'ok':<7}{finding.subject}: {finding.text}")
