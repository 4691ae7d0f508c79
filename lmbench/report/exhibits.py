"""Exhibits of fitted models: for the terminal, and as one page per fit with its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from lmbench.exhibit import Exhibit, formatted
from lmbench.report.contents import Column, Contents
from lmbench.report.markup import code, plain
from lmbench.report.terminal_table import TerminalTable
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory, stem

_SHADES = " ░▒▓█"
_TERMINAL_POINTS = 20  # rows that show a line in the terminal
_MOST_LEVELS = 3  # other models that a line is compared with


@dataclass(frozen=True, slots=True)
class FitExhibits:
    """The exhibits of a fitted model.

    Attributes:
        cells: The cells that were evaluated with it; the first one gives the page its name.
        exhibits: The exhibits.
    """

    cells: Sequence[Cell]
    exhibits: Sequence[Exhibit]

    @property
    def model(self) -> str:
        """The label of the model."""
        return self.cells[0].label

    @property
    def places(self) -> str:
        """The names of the corpora and tasks."""
        return ", ".join(dict.fromkeys(cell.corpus for cell in self.cells))


def terminal(exhibit: Exhibit) -> TerminalTable:
    """Return an exhibit for rich to print: a heatmap as shades of gray, and lines as some of their points."""
    shown = _simplify(exhibit)
    columns = (
        Column(name, "left" if any(isinstance(row[number], str) for row in shown.rows) else "right")
        for number, name in enumerate(shown.columns)
    )
    rows = (tuple(map(formatted, row)) for row in shown.rows)
    return TerminalTable(Contents(exhibit.title, tuple(columns), tuple(rows), (describe(exhibit),), ()))


def write(directory: RunDirectory) -> None:
    """Rebuild the page and the pictures of every fit that has exhibits."""
    for fit in list_exhibits(directory, directory.all_cells()):
        _write_pictures(directory, fit)
        directory.write_text(page_name(fit), page(fit))
        for cell in fit.cells[1:]:  # which had pages of their own in the past, or before the run grew
            _remove_files(directory, FitExhibits((cell,), fit.exhibits))


def list_exhibits(directory: RunDirectory, cells: Sequence[Cell]) -> Iterator[FitExhibits]:
    """Yield the exhibits of each fit, with lines in bits per byte compared with the run's best other models.

    Args:
        directory: The run.
        cells: All cells of the run.
    """
    for fit in _unite_cells(directory, cells):
        yield FitExhibits(fit.cells, _add_levels(fit.exhibits, cells, fit.cells[0]))


def _unite_cells(directory: RunDirectory, cells: Sequence[Cell]) -> list[FitExhibits]:
    """Return the exhibits of each cell. The cell of a task joins another cell of its model that has the same ones."""
    groups: list[tuple[list[Cell], tuple[Exhibit, ...]]] = []
    known: dict[tuple[str, tuple[Exhibit, ...]], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.kind == "task"):
        exhibits = directory.exhibits(cell)
        group = known.get((cell.label, exhibits), []) if cell.kind == "task" else []
        if exhibits and not group:
            groups.append((group, exhibits))
            known.setdefault((cell.label, exhibits), group)
        group.append(cell)
    return [FitExhibits(*group) for group in groups]


def _add_levels(exhibits: Sequence[Exhibit], cells: Sequence[Cell], cell: Cell) -> tuple[Exhibit, ...]:
    """Return exhibits with the levels of the best other models on the corpus of a cell."""
    others = [
        (other.metrics.bits_per_byte, f"{other.label}, test text")
        for other in cells
        if other.metrics
        and (other.corpus, other.kind) == (cell.corpus, cell.kind)
        and other.row != cell.row
        and not other.pseudo
    ]
    levels = tuple((name, value) for value, name in sorted(others)[:_MOST_LEVELS])
    return tuple(
        exhibit.model_copy(update={"levels": exhibit.levels + levels})
        if (exhibit.kind, exhibit.unit) == ("lines", "bits per byte")
        else exhibit
        for exhibit in exhibits
    )


def page_name(fit: FitExhibits) -> str:
    """Return the path of the page with the exhibits of a fit, within the run directory."""
    return f"exhibits/{_file_stem(fit)}.md"


def page(fit: FitExhibits) -> str:
    """Return the exhibits of a fit as Markdown, with links to the pictures of lines and heatmaps."""
    parts = [f"# {plain(fit.model)} on {plain(fit.places)}\n"]
    for number, exhibit in enumerate(fit.exhibits, start=1):
        parts.append(f"## {plain(exhibit.title)}\n")
        if exhibit.kind == "table":
            parts.append(_markdown_table(exhibit))
        else:
            parts.append(f"![{plain(exhibit.title)}]({_picture_name(fit, number)})\n")
        parts.append(f"{plain(describe(exhibit))}\n")
    return "\n".join([*parts, *(f"Signature: {code(cell.signature)}\n" for cell in fit.cells)])


def _write_pictures(directory: RunDirectory, fit: FitExhibits) -> None:
    from lmbench.report import plots

    for number, exhibit in enumerate(fit.exhibits, start=1):
        if exhibit.kind != "table":
            directory.write_bytes(f"exhibits/{_picture_name(fit, number)}", plots.picture([exhibit], ".svg"))


def _remove_files(directory: RunDirectory, fit: FitExhibits) -> None:
    pictures = [f"exhibits/{_picture_name(fit, number)}" for number in range(1, len(fit.exhibits) + 1)]
    for name in (page_name(fit), *pictures):
        (directory.path / name).unlink(missing_ok=True)


def _picture_name(fit: FitExhibits, number: int) -> str:
    return f"{_file_stem(fit)}-{number}.svg"


def _file_stem(fit: FitExhibits) -> str:
    """Return the name of the files of a fit, without the suffix. A corpus and a task may have the same name."""
    cell = fit.cells[0]
    return stem(cell.row) + "-task" * (cell.kind == "task")


def _markdown_table(exhibit: Exhibit) -> str:
    rows = [[plain(formatted(entry)) for entry in row] for row in exhibit.rows]
    headers = [plain(column) for column in exhibit.columns]
    return str(tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)) + "\n"


def describe(exhibit: Exhibit) -> str:
    """Return what an exhibit shows, its unit, and the values that it is compared with."""
    levels = "".join(f"; {name}: {formatted(value)}" for name, value in exhibit.levels)
    return f"{exhibit.shows}{f' ({exhibit.unit})' if exhibit.unit else ''}{levels}"


def _simplify(exhibit: Exhibit) -> Exhibit:
    """Return the exhibit as a table that fits a terminal."""
    if exhibit.kind == "lines":
        return _sample_points(exhibit)
    return _shade(exhibit) if exhibit.kind == "heatmap" else exhibit


def _sample_points(exhibit: Exhibit) -> Exhibit:
    """Return lines with about 20 of their points, evenly spaced, the first and the last included."""
    step = -(-len(exhibit.rows) // _TERMINAL_POINTS) or 1
    rows = exhibit.rows[::step]
    if rows and rows[-1] is not exhibit.rows[-1]:
        rows = (*rows, exhibit.rows[-1])
    return exhibit.model_copy(update={"rows": rows})


def _shade(exhibit: Exhibit) -> Exhibit:
    """Return a heatmap as two columns: the names, and a string with one shade per number, darkest for the largest."""
    numbers = [
        [0 if entry is None or isinstance(entry, str) else abs(entry) for entry in row[1:]] for row in exhibit.rows
    ]
    largest = max((number for row in numbers for number in row), default=0) or 1
    shades = ["".join(_SHADES[round((len(_SHADES) - 1) * number / largest)] for number in row) for row in numbers]
    rows = tuple((row[0], shade) for row, shade in zip(exhibit.rows, shades, strict=True))
    across = f"{len(exhibit.columns) - 1} columns, {' '.join(exhibit.columns[1:2])} first"
    return exhibit.model_copy(update={"columns": (exhibit.columns[0], across), "rows": rows})
