"""Charts as pictures for notebooks, papers and slides: SVG, PNG and PDF.

vl-convert makes PNG and PDF. It takes the fonts of the machine, and has Liberation Sans of its own. PDF files embed the
letters that they need, as text; two of them with the same contents may differ in the order of their objects.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from lmbench import atomic
from lmbench.chart import Chart
from lmbench.errors import ResultsError
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress
from lmbench.report.glyphs import escape_missing
from lmbench.report.svg import WIDTH, draw, draw_file

SUFFIXES = (".svg", ".png", ".pdf")
"""The formats of pictures."""

_WIDTH = 640.0  # pixels, of a picture in a notebook
_PIXELS = 2.0  # of a PNG, for each pixel of a drawing

_UNSAFE = re.compile(r"[^\w=]+")  # in the names of files
_LONGEST_NAME = 120  # bytes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Picture:
    """Charts below each other, which a notebook shows.

    Attributes:
        charts: The charts, at least one. `tabulate` returns the numbers of a chart.
    """

    charts: tuple[Chart, ...]

    def save(self, path: str | Path) -> None:
        """Write the picture.

        Args:
            path: A file whose suffix is .svg, .png or .pdf.

        Raises:
            ResultsError: The suffix is another one, or the file cannot be written.
        """
        target = Path(path).expanduser()
        atomic.write(target, self._convert(find_format(target)))

    def __repr__(self) -> str:
        names = ", ".join(chart.title for chart in self.charts)
        return f"<{type(self).__name__}: {printable(names)}; show it in a notebook, or write it with .save(path)>"

    def _repr_svg_(self) -> str:
        return self._convert(".svg").decode()

    def _convert(self, suffix: str) -> bytes:
        return _render(self.charts, suffix, _WIDTH, has_heading=True)


def find_format(path: Path) -> str:
    """Return the suffix of a picture's file, in lower case.

    Raises:
        ResultsError: It names no format of pictures.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ResultsError(f"'{path}' does not end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return suffix


def write_pictures(chart: Chart, stem: Path, has_heading: bool = False) -> None:
    """Write a chart in all formats.

    Args:
        chart: The chart.
        stem: The path of the files without their suffixes.
        has_heading: Whether the title is above the chart; papers have it in the caption.

    Raises:
        ResultsError: A file cannot be written.
    """
    for suffix in SUFFIXES:
        atomic.write(stem.with_name(stem.name + suffix), _render((chart,), suffix, WIDTH, has_heading))


def write_all(charts: Iterable[Chart], folder: Path, progress: Progress = SILENT) -> Iterator[Path]:
    """Write charts in all formats, and yield the path of each SVG file. The files have the names of the titles.

    Args:
        charts: The charts.
        folder: The folder, which is made if it does not exist.
        progress: Receives reports.

    Raises:
        ResultsError: A file cannot be written.
    """
    listed, used = list(charts), Counter[str]()
    for number, chart in enumerate(listed):
        progress(f"picture {number + 1} of {len(listed)}", number / len(listed))
        name = _name_file(chart.title)
        used[name] += 1
        stem = folder / (name if used[name] == 1 else f"{name}-{used[name]}")
        write_pictures(chart, stem)
        yield stem.with_name(f"{stem.name}.svg")


def convert(svg: str, suffix: str) -> bytes:
    """Return an SVG file in one of the formats. Letters that no font has must be escaped before, except for SVG."""
    import vl_convert

    if suffix == ".svg":
        return svg.encode()
    return bytes(vl_convert.svg_to_png(svg, scale=_PIXELS) if suffix == ".png" else vl_convert.svg_to_pdf(svg))


def _render(charts: tuple[Chart, ...], suffix: str, width: float, has_heading: bool) -> bytes:
    """Return charts below each other in one of the formats."""
    shown = charts if suffix == ".svg" else respell(charts, escape_missing)
    return convert(draw_file([draw(chart, width, has_heading) for chart in shown]), suffix)


def _name_file(title: str) -> str:
    """Return a title as the name of a file, without its suffix."""
    name = _UNSAFE.sub("-", title.lower()).strip("-")
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore") or "chart"


def respell(value: T, spell: Callable[[str], str]) -> T:
    """Return a chart, or a part of one, with all its texts spelled by a function that leaves ASCII alone."""
    if isinstance(value, str):
        return cast(T, spell(value))
    if isinstance(value, tuple):
        return cast(T, tuple(respell(item, spell) for item in value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: respell(getattr(value, field.name), spell) for field in fields(value)})
    return value
