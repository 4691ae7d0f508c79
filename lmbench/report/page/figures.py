"""Charts on the page: the picture, what it shows, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmbench.chart import Chart
from lmbench.exhibit import formatted
from lmbench.report.svg import draw_on_page

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as the page shows it.

    Attributes:
        chart: The chart.
        picture: The SVG element.
        columns: The headings of its data.
        rows: Its data, as texts.
    """

    chart: Chart
    picture: Markup
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def title(self) -> str:
        """A few words."""
        return self.chart.title

    @property
    def description(self) -> str:
        """One or two sentences about it."""
        return self.chart.description


def make_figure(chart: Chart) -> Figure:
    """Return a chart with its picture and its data."""
    from markupsafe import Markup

    table = chart.tabulate()
    return Figure(
        chart=chart,
        picture=Markup(draw_on_page(chart)),  # the texts in it are escaped
        columns=table.columns,
        rows=[[formatted(entry) for entry in row] for row in table.rows],
    )
