"""table.md: the page with a run's tables, links to its exhibits, methods and signatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from lmbench.report.across_tables import build_across_table
from lmbench.report.audits import summarize_audits
from lmbench.report.contents import Contents
from lmbench.report.exhibits import list_exhibits, page_name
from lmbench.report.literature import build_literature_table, build_task_literature, read_entries
from lmbench.report.markup import code, plain
from lmbench.report.methods import describe_methods
from lmbench.report.pseudo_table import build_pseudo_table
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranked_tables import build_ranked_table
from lmbench.report.task_tables import list_task_tables
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory


def format_markdown(results: RankedRun) -> str:
    """Return the page of a run."""
    parts, entries = ["# Results\n"], read_entries()
    for ranking in results.rankings:
        parts += _format_table(build_ranked_table(results, ranking))
        if literature := build_literature_table(ranking.corpus, entries):
            parts += _format_table(literature, "###")
    if pseudo := build_pseudo_table(results.cells):
        parts += _format_table(pseudo)
    if results.groups:
        parts.append("## Across corpora\n")
    for group in results.groups:
        parts += _format_table(build_across_table(group), "###")
    if results.tasks:
        parts.append("## Tasks\n")
    literature_on_tasks = filter(None, map(build_task_literature, results.tasks))
    for contents in (*list_task_tables(results), *literature_on_tasks):
        parts += _format_table(contents, "###")
    parts += [
        *_format_methods(results),
        *_format_audits(results.directory),
        *_link_exhibits(results),
        "## Signatures\n",
        *(f"- {plain(_name(cell))}: {code(cell.signature)}" for cell in results.all_cells if cell.signature),
        "\n## Machines\n",
        *(f"- {plain(line)}" for line in list_machines(results.all_cells)),
    ]
    return "\n".join(parts) + "\n"


def _format_table(contents: Contents, level: str = "##") -> list[str]:
    table = tabulate(
        [[plain(text) for text in row] for row in contents.rows],
        headers=[column.heading for column in contents.columns],
        tablefmt="pipe",
        colalign=[column.align for column in contents.columns],
        disable_numparse=True,
    )
    legend = "\n".join(f"- {plain(line)}" for line in contents.legend)
    notes = map(plain, (*contents.notes, *contents.details))
    return [f"{part}\n" for part in (f"{level} {plain(contents.title)}", table, legend, *notes)]


def _format_methods(results: RankedRun) -> Iterator[str]:
    methods = describe_methods(results)
    if methods.sentences:
        yield "## Methods\n"
        yield f"{plain(' '.join(methods.sentences))}\n"
        yield from (f"- {plain(reference)}" for reference in methods.references)
        yield ""


def _name(cell: Cell) -> str:
    """Return the name of a cell: that of its model, and of its task."""
    return f"{cell.label} on {cell.corpus}" if cell.kind == "task" else cell.label


def list_machines(cells: Sequence[Cell]) -> list[str]:
    """Return a line for each machine, system and version of Python that evaluated cells, with their number."""
    places: dict[str, int] = {}
    for cell in cells:
        if found := cell.provenance:
            place = f"{found.machine}; {found.machine.platform}, Python {found.python}"
            places[place] = places.get(place, 0) + 1
    return [f"{place}: {count} cell{'s' * (count != 1)}" for place, count in places.items()]


def _format_audits(directory: RunDirectory) -> list[str]:
    sentences = [f"- {plain(sentence)}" for sentence in summarize_audits(directory)]
    return ["## Audit\n", *sentences, ""] if sentences else []


def _link_exhibits(results: RankedRun) -> list[str]:
    links = [
        f"- [{plain(fit.model)} on {plain(fit.places)}]({page_name(fit)}): "
        + plain("; ".join(exhibit.title for exhibit in fit.exhibits))
        for fit in list_exhibits(results.directory, results.all_cells)
    ]
    return ["## What the models learned\n", *links, ""] if links else []
