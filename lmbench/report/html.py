"""The tables of a run as HTML for a notebook, light or dark."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from lmbench.report.contents import Contents
from lmbench.report.page.templating import make_environment
from lmbench.report.ranked_run import RankedRun
from lmbench.report.tables import list_tables

if TYPE_CHECKING:
    from jinja2.runtime import Macro


def format_tables(results: RankedRun) -> str:
    """Return all tables of a run as HTML without colors, to be shown in a page of any."""
    return "\n".join(map(format_table, list_tables(results)))


def format_table(contents: Contents) -> str:
    """Return a table as HTML, with its notes. The meanings of its headings open on a click."""
    return str(_find_macro()(contents))


@cache
def _find_macro() -> Macro:
    """Return the macro of a table of a notebook, which shares its parts with the tables of the page."""
    return cast("Macro", make_environment().get_template("table.html").module.notebook)  # type: ignore[attr-defined]
