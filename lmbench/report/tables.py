"""The tables of a run: for the terminal, as a Markdown page, and as CSV with all numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from csv import DictWriter
from io import StringIO

from rich import box
from rich.table import Table
from tabulate import tabulate

from lmbench.checks import Outcome
from lmbench.corpora.anchors import Anchor
from lmbench.metrics import bits_per_byte
from lmbench.report.audits import audit_entries, summarize_audits
from lmbench.report.contents import Contents, anchor_label, build_tables
from lmbench.report.exhibits import page_name
from lmbench.report.marks import Marks
from lmbench.report.markup import code, csv_text, literal, plain
from lmbench.report.terminal_table import TerminalTable
from lmbench.runs.records import Cell, CorpusRecord, Provenance
from lmbench.runs.store import RunDirectory


def write(directory: RunDirectory) -> None:
    """Rebuild table.md and table.csv of a run."""
    directory.write_text("table.md", markdown(directory))
    directory.write_text("table.csv", csv(directory))


def markdown(directory: RunDirectory) -> str:
    """Return the page with a run's tables, links to its exhibits, and the signatures."""
    parts = ["# Results\n"]
    for contents in build_tables(directory):
        parts += _markdown_table(contents)
    parts += [
        *_audits(directory),
        *_exhibit_links(directory),
        "## Signatures\n",
        *(f"- {plain(cell.label)}: {code(cell.signature)}" for cell in directory.cells() if cell.signature),
        "\n## Machines\n",
        *(f"- {plain(line)}" for line in _list_machines(directory.cells())),
    ]
    return "\n".join(parts) + "\n"


def terminal(directory: RunDirectory) -> list[TerminalTable]:
    """Return a run's tables for rich to print."""
    return list(map(TerminalTable, build_tables(directory)))


def checks(outcomes: Sequence[Outcome]) -> Table:
    """Return one model's results in the conformance suite for rich to print."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading in ("check", "result", "seconds"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "seconds" else "left")
    table.add_column("detail", overflow="fold")
    for outcome in outcomes:
        table.add_row(literal(outcome.check), outcome.status, f"{outcome.seconds:.2f}", literal(outcome.detail))
    return table


def csv(directory: RunDirectory) -> str:
    """Return all numbers, unrounded, with one row per cell, and one per compressor and corpus.

    An entry is empty if the cell does not have the number. Texts are escaped so that no spreadsheet runs them.
    """
    marks = Marks.of(directory)
    rows = [_csv_row(cell, marks) for cell in directory.cells()]
    rows += [_anchor_entries(anchor, corpus) for corpus in directory.manifest.corpora for anchor in corpus.anchors]
    text = StringIO(newline="")
    writer = DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _csv_entry(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _markdown_table(contents: Contents) -> list[str]:
    table = tabulate(
        [[plain(text) for text in row] for row in contents.rows],
        headers=[column.heading for column in contents.columns],
        tablefmt="pipe",
        colalign=[column.align for column in contents.columns],
        disable_numparse=True,
    )
    legend = "\n".join(f"- {plain(line)}" for line in contents.legend)
    parts = (f"## {plain(contents.title)}", table, legend, *map(plain, contents.notes))
    return [f"{part}\n" for part in parts]


def _list_machines(cells: Sequence[Cell]) -> list[str]:
    """Return a line for each machine, system and version of Python that evaluated cells, with their number."""
    places: dict[str, int] = {}
    for cell in cells:
        if found := cell.provenance:
            place = f"{found.machine}; {found.machine.platform}, Python {found.python}"
            places[place] = places.get(place, 0) + 1
    return [f"{place}: {count} cell{'s' * (count != 1)}" for place, count in places.items()]


def _audits(directory: RunDirectory) -> list[str]:
    sentences = [f"- {plain(sentence)}" for sentence in summarize_audits(directory)]
    return ["## Audit\n", *sentences, ""] if sentences else []


def _exhibit_links(directory: RunDirectory) -> list[str]:
    links = [
        f"- [{plain(cell.label)} on {plain(cell.corpus)}]({page_name(cell)}): "
        + plain("; ".join(exhibit.title for exhibit in exhibits))
        for cell in directory.cells()
        if (exhibits := directory.exhibits(cell))
    ]
    return ["## What the models learned\n", *links, ""] if links else []


def _csv_row(cell: Cell, marks: Marks) -> dict[str, object]:
    row: dict[str, object] = {
        "model": cell.model,
        "corpus": cell.corpus,
        "train_size": cell.train_size,
        "status": cell.status,
        "pretrained": marks.is_pretrained(cell),
        "unverified": marks.doubt(cell),
    }
    if cell.metrics and cell.pseudo:
        row["pseudo_perplexity"] = cell.metrics.token_perplexity
    elif cell.metrics:
        row |= cell.metrics.model_dump()
    row |= (cell.costs.model_dump() if cell.costs else {}) | audit_entries(cell)
    row |= {"remarks": "; ".join(cell.remarks)} | (_provenance_entries(cell.provenance) if cell.provenance else {})
    return row | {"signature": cell.signature, "error": cell.error}


def _anchor_entries(anchor: Anchor, corpus: CorpusRecord) -> dict[str, object]:
    """Return what a compressor charges for a corpus, by the names of table.csv."""
    return {
        "model": anchor_label(anchor),
        "corpus": corpus.name,
        "status": "compressor",
        "documents": corpus.test_documents,
        "bytes": corpus.test_bytes,
        "bits": anchor.bits,
        "bits_per_byte": bits_per_byte(anchor.bits, corpus.test_bytes),
        "remarks": anchor.how,
    }


def _provenance_entries(provenance: Provenance) -> dict[str, object]:
    """Return where, when and with what a cell was evaluated, by their names in table.csv."""
    machine = provenance.machine
    return {
        "started": provenance.started,
        "processor": machine.processor,
        "cpus": machine.cpus,
        "memory": machine.memory,
        "gpu": machine.gpu,
        "platform": machine.platform,
        "python": provenance.python,
        "revision": provenance.revision,
        "threads": provenance.threads,
        "load": provenance.load,
        "versions": " ".join("=".join(pair) for pair in provenance.versions),
    }


def _csv_entry(value: object) -> object:
    if isinstance(value, str):
        return csv_text(value)
    return "" if isinstance(value, float) and math.isnan(value) else value
