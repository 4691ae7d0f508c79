"""``lmbench merge``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  lmbench merge results/laptop results/server --out results/both
  lmbench merge results/shard-* --out results/all"""
)
@click.argument("runs", metavar="RUN…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The run directory to write. If it exists, the others are added to it.",
)
def merge(runs: tuple[Path, ...], out: Path) -> None:
    """Join several runs, or the shards of one.

    This writes the tables too. The rows keep their order. Runs that contradict each other are refused: a cell with
    other numbers, or another text under the same name. Damaged cells are named and left out.
    """
    from lmbench.cli.displays import NoticeDisplay
    from lmbench.cli.reports import print_tables, read_results, write_report
    from lmbench.runs import merging

    results = read_results(merging.merge(runs, out, NoticeDisplay()))
    write_report(results)
    print_tables(results)
