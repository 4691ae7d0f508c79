"""Exhibits of fitted models: for the terminal, and as a page a cell with its pictures."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table
from tabulate import tabulate

from lmbench.exhibit import Exhibit, formatted
from lmbench.printable import printable
from lmbench.report.markup import code, plain
from lmbench.runs.store import Cell, RunDirectory, stem

_SHADES = " ░▒▓█"
_SHOWN_POINTS = 20  # of a line, in the terminal
_COMPARED = 3  # other models, beside a line


def terminal(exhibit: Exhibit) -> Table:
    """An exhibit for rich to print: a heatmap as shades, of lines some points."""
    shown = {"table": exhibit, "lines": _thinned(exhibit), "heatmap": _shaded(exhibit)}[exhibit.kind]
    table = Table(title=escape(printable(exhibit.title)), caption=escape(_explained(exhibit)), box=box.SIMPLE_HEAD)
    table.title_justify = table.caption_justify = "left"
    for number, column in enumerate(shown.columns):
        text = any(isinstance(row[number], str) for row in shown.rows)
        table.add_column(escape(printable(column)), justify="left" if text else "right", overflow="fold")
    for row in shown.rows:
        table.add_row(*(escape(formatted(entry)) for entry in row))
    return table


def write(directory: RunDirectory) -> None:
    """Rebuild the page and the pictures of every cell that has exhibits."""
    for cell in directory.cells():
        if exhibits := _compared(directory, cell):
            _draw(directory, cell, exhibits)
            directory.write_text(page_name(cell), page(cell, exhibits))


def page_name(cell: Cell) -> str:
    """Where a cell's exhibits are shown, in the run directory."""
    return f"exhibits/{stem(cell.number, cell.model)}.md"


def page(cell: Cell, exhibits: Sequence[Exhibit]) -> str:
    """A cell's exhibits as Markdown, with links to the pictures of lines and heatmaps."""
    parts = [f"# {plain(cell.model)} on {plain(cell.corpus)}\n"]
    for number, exhibit in enumerate(exhibits, start=1):
        parts.append(f"## {plain(printable(exhibit.title))}\n")
        if exhibit.kind == "table":
            parts.append(_markdown_table(exhibit))
        else:
            parts.append(f"![{plain(printable(exhibit.title))}]({_picture_name(cell, number)})\n")
        parts.append(f"{plain(_explained(exhibit))}\n")
    return "\n".join([*parts, f"Signature: {code(cell.signature)}\n"])


def _compared(directory: RunDirectory, cell: Cell) -> tuple[Exhibit, ...]:
    """A cell's exhibits; lines in bits per byte with the run's best other models as levels, on the test text."""
    others = [
        (other.metrics.bits_per_byte, f"{other.model}, test text")
        for other in directory.cells()
        if other.metrics and other.corpus == cell.corpus and other.number != cell.number and not other.pseudo
    ]
    levels = tuple((name, value) for value, name in sorted(others)[:_COMPARED])
    return tuple(
        exhibit.model_copy(update={"levels": exhibit.levels + levels})
        if (exhibit.kind, exhibit.unit) == ("lines", "bits per byte")
        else exhibit
        for exhibit in directory.exhibits(cell)
    )


def _draw(directory: RunDirectory, cell: Cell, exhibits: Sequence[Exhibit]) -> None:
    from lmbench.report import plots

    for number, exhibit in enumerate(exhibits, start=1):
        if exhibit.kind != "table":
            directory.write_bytes(f"exhibits/{_picture_name(cell, number)}", plots.picture([exhibit]))


def _picture_name(cell: Cell, number: int) -> str:
    return f"{stem(cell.number, cell.model)}-{number}.png"


def _markdown_table(exhibit: Exhibit) -> str:
    rows = [[plain(formatted(entry)) for entry in row] for row in exhibit.rows]
    headers = [plain(printable(column)) for column in exhibit.columns]
    return str(tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)) + "\n"


def _explained(exhibit: Exhibit) -> str:
    levels = "".join(f"; {name}: {formatted(value)}" for name, value in exhibit.levels)
    return printable(f"{exhibit.shows}{f' ({exhibit.unit})' if exhibit.unit else ''}{levels}")


def _thinned(exhibit: Exhibit) -> Exhibit:
    step = -(-len(exhibit.rows) // _SHOWN_POINTS) or 1
    rows = exhibit.rows[::step]
    if rows and rows[-1] is not exhibit.rows[-1]:
        rows = (*rows, exhibit.rows[-1])
    return exhibit.model_copy(update={"rows": rows})


def _shaded(exhibit: Exhibit) -> Exhibit:
    """A heatmap as two columns: names, and one shade a number, darkest for the largest."""
    numbers = [
        [0 if entry is None or isinstance(entry, str) else abs(entry) for entry in row[1:]] for row in exhibit.rows
    ]
    largest = max((number for row in numbers for number in row), default=0) or 1
    shades = ["".join(_SHADES[round((len(_SHADES) - 1) * number / largest)] for number in row) for row in numbers]
    rows = tuple((row[0], shade) for row, shade in zip(exhibit.rows, shades, strict=True))
    across = f"{len(exhibit.columns) - 1} columns, {' '.join(exhibit.columns[1:2])} first"
    return exhibit.model_copy(update={"columns": (exhibit.columns[0], across), "rows": rows})
