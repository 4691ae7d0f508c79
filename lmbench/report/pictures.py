"""Charts as files for papers and slides: SVG, PNG and PDF.

vl-convert makes PNG and PDF. It takes the fonts of the machine, and has Liberation Sans of its own. PDF files embed the
letters that they need, as text; two of them with the same contents may differ in the order of their objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from lmbench import atomic
from lmbench.chart import Chart
from lmbench.report.glyphs import escape_missing
from lmbench.report.svg import draw, draw_file

SUFFIXES = (".svg", ".png", ".pdf")
"""The formats of pictures."""

_PIXELS = 2.0  # of a PNG, for each pixel of a drawing

T = TypeVar("T")


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
        shown = chart if suffix == ".svg" else respell(chart, escape_missing)
        svg = draw_file([draw(shown, has_heading=has_heading)])
        atomic.write(stem.with_name(stem.name + suffix), convert(svg, suffix))


def convert(svg: str, suffix: str) -> bytes:
    """Return an SVG file in one of the formats. Letters that no font has must be escaped before, except for SVG."""
    import vl_convert

    if suffix == ".svg":
        return svg.encode()
    return bytes(vl_convert.svg_to_png(svg, scale=_PIXELS) if suffix == ".png" else vl_convert.svg_to_pdf(svg))


def respell(value: T, spell: Callable[[str], str]) -> T:
    """Return a chart, or a part of one, with all its texts spelled by a function that leaves ASCII alone."""
    if isinstance(value, str):
        return cast(T, spell(value))
    if isinstance(value, tuple):
        return cast(T, tuple(respell(item, spell) for item in value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: respell(getattr(value, field.name), spell) for field in fields(value)})
    return value
