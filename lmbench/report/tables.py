"""The tables of a run: what they are, for the terminal, and as files in the run directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.table import Table

from lmbench.checks import Outcome
from lmbench.report import parquet_files
from lmbench.report.across_tables import build_across_table
from lmbench.report.contents import Contents
from lmbench.report.csv_files import format_cells, format_pairs
from lmbench.report.latex import format_latex
from lmbench.report.markdown import format_markdown
from lmbench.report.markup import literal
from lmbench.report.page.document import Page, describe_run, render
from lmbench.report.pseudo_table import build_pseudo_table
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranked_tables import build_ranked_table
from lmbench.report.task_tables import list_task_tables
from lmbench.report.terminal_table import TerminalTable

_FORMATS = {
    "table.md": format_markdown,
    "table.csv": format_cells,
    "pairs.csv": format_pairs,
    "table.tex": format_latex,
}
_PAGE = "report.html"
_PARQUET = {"table.parquet": parquet_files.format_cells, "pairs.parquet": parquet_files.format_pairs}
FILES = (*_FORMATS, _PAGE, *_PARQUET)
"""The names of the files that `write` writes."""


def write(results: RankedRun) -> Page:
    """Write the tables of a run into its directory, in each format, and return what the page shows."""
    for name, format_results in _FORMATS.items():
        results.directory.write_text(name, format_results(results))
    page = describe_run(results)
    results.directory.write_text(_PAGE, render(page))
    for name, encode_results in _PARQUET.items():
        results.directory.write_bytes(name, encode_results(results))
    return page


def terminal(results: RankedRun) -> list[TerminalTable]:
    """Return a run's tables for rich to print."""
    return list(map(TerminalTable, list_tables(results)))


def list_tables(results: RankedRun) -> list[Contents]:
    """Return a run's tables, from top to bottom. What a heading means is said below the last table that has it."""
    pseudo = build_pseudo_table(results.cells)
    tables = [build_ranked_table(results, ranking) for ranking in results.rankings]
    tables += [*([pseudo] if pseudo else []), *map(build_across_table, results.groups), *list_task_tables(results)]
    return [_shorten_legend(table, tables[number:]) for number, table in enumerate(tables, start=1)]


def checks(outcomes: Sequence[Outcome]) -> Table:
    """Return one model's results in the conformance suite for rich to print."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading in ("check", "result", "seconds"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "seconds" else "left")
    table.add_column("detail", overflow="fold")
    for outcome in outcomes:
        table.add_row(literal(outcome.check), outcome.status, f"{outcome.seconds:.2f}", literal(outcome.detail))
    return table


def _shorten_legend(table: Contents, later: Sequence[Contents]) -> Contents:
    """Return a table without the lines of its legend that a later table has too."""
    repeated = {line for other in later for line in other.legend}
    return replace(table, legend=tuple(line for line in table.legend if line not in repeated))
