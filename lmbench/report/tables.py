"""The tables of a run: what they are, for the terminal, and as files in the run directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from lmbench.report.task_files import format_csv, format_parquet
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
_OF_TASKS: Mapping[str, Callable[[RankedRun], str | bytes]] = {"tasks.csv": format_csv, "tasks.parquet": format_parquet}
_OF_CORPORA = ("table.csv", "pairs.csv", *_PARQUET)
_FORMATTERS: Mapping[str, Callable[[RankedRun], str | bytes]] = {**_FORMATS, **_PARQUET, **_OF_TASKS}
FILES = (*_FORMATS, _PAGE, *_PARQUET)
"""The names of the files that `write` writes for a run without tasks."""


def list_files(results: RankedRun) -> tuple[str, ...]:
    """Return the names of the files that `write` writes: those of corpora and of tasks, if the run has some."""
    manifest = results.directory.manifest
    if not manifest.tasks:
        return FILES
    left_out = () if manifest.corpora else _OF_CORPORA
    return (*(name for name in FILES if name not in left_out), *_OF_TASKS)


def write(results: RankedRun) -> Page:
    """Write the tables of a run into its directory, in each format, and return what the page shows."""
    page = describe_run(results)
    for name in list_files(results):
        results.directory.write_bytes(name, render(page).encode() if name == _PAGE else _encode(results, name))
    return page


def _encode(results: RankedRun, name: str) -> bytes:
    """Return the contents of a file with tables."""
    formatted = _FORMATTERS[name](results)
    return formatted if isinstance(formatted, bytes) else formatted.encode()


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
