"""Draw charts as SVG: for a page, which has the style sheet once, or as a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.chart import Chart, Grid
from lmbench.report.drawing.frame import LINE, Frame, arrange
from lmbench.report.drawing.grids import draw_grid
from lmbench.report.drawing.labels import draw_labels
from lmbench.report.drawing.legend import draw_legend
from lmbench.report.drawing.plot import list_plots
from lmbench.report.drawing.series import draw_levels, draw_series
from lmbench.report.drawing.style import file_style
from lmbench.report.drawing.texts import draw_text, draw_title, number, shorten, wrap

WIDTH = 480
"""The width of a chart on a page, in pixels before the page scales it; texts have a size of 12 of these pixels."""

_BOLD = 1.25  # the width of a heading's letters as a multiple of other letters
_HEADING = 18  # pixels, a line of the heading
_BORDER = 10  # pixels around the drawings of a file


@dataclass(frozen=True, slots=True)
class Drawing:
    """A part of a picture.

    Attributes:
        title: Its title, for readers who do not see it.
        description: Its description, for them too.
        parts: Its SVG elements.
        width: Its width in pixels.
        height: Its height.
    """

    title: str
    description: str
    parts: tuple[str, ...]
    width: float
    height: float


def draw(chart: Chart, width: float = WIDTH, has_heading: bool = False) -> Drawing:
    """Draw a chart.

    Args:
        chart: The chart.
        width: The width in pixels. The height follows from the chart.
        has_heading: Whether the title is drawn above it.
    """
    heading = wrap(chart.title, width / _BOLD) if has_heading else []
    parts = [draw_text(0, _HEADING * row - 4, line, "title") for row, line in enumerate(heading, start=1)]
    legend = draw_legend(chart, _HEADING * len(heading), width)
    top = _HEADING * len(heading) + legend.height
    parts += legend.parts
    if chart.y.heading:
        top += LINE
        parts.append(draw_text(0, top - 4, shorten(chart.y.heading, width), "quiet", chart.y.heading))
    frame = arrange(chart, top + 6, width)
    return Drawing(chart.title, chart.description, (*parts, *_draw_plot(chart, frame)), width, frame.end)


def draw_on_page(chart: Chart) -> str:
    """Return a chart as an SVG element for a page that has `page_style`. It is as wide as the page lets it be."""
    drawing = draw(chart)
    size = f'viewBox="0 0 {number(drawing.width)} {number(drawing.height)}"'
    return f'<svg class="chart" {size} role="img">{_describe([drawing])}{"".join(drawing.parts)}</svg>'


def draw_file(drawings: Sequence[Drawing]) -> str:
    """Return the text of an SVG file with drawings below each other, in the colors of a light background."""
    width = max(drawing.width for drawing in drawings) + 2 * _BORDER
    parts, top = [], float(_BORDER)
    for drawing in drawings:
        parts.append(f'<g transform="translate({_BORDER} {number(top)})">{"".join(drawing.parts)}</g>')
        top += drawing.height + 2 * _BORDER
    height = top - _BORDER
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    paper = f'<path class="paper" d="M0 0h{number(width)}v{number(height)}h-{number(width)}z"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size} role="img">{_describe(drawings)}'
        f"<style>{file_style()}</style>{paper}{''.join(parts)}</svg>\n"
    )


def _describe(drawings: Sequence[Drawing]) -> str:
    """Return the elements that say what drawings are to readers who do not see them."""
    title = draw_title("; ".join(drawing.title for drawing in drawings))
    description = draw_title(" ".join(dict.fromkeys(drawing.description for drawing in drawings)))
    return f"{title}{description.replace('title>', 'desc>')}"


def _draw_plot(chart: Chart, frame: Frame) -> Iterator[str]:
    yield from frame.draw_axes()
    for grid in chart.series:
        if isinstance(grid, Grid):
            yield from draw_grid(chart, frame, grid)
    plots = list(list_plots(chart, frame))
    yield from draw_levels(chart, frame)
    for plot in plots:
        yield from draw_series(plot)
    yield from draw_labels(plots)
    if frame.x.is_empty or frame.y.is_empty:
        yield draw_text(frame.left + frame.width / 2, frame.top + frame.height / 2, "no data", "middle quiet")
