"""The templates of the page, in which every text stays text."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lmbench.printable import printable, printable_lines

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def read_template(name: str) -> str:
    """Return the text of a file in the folder of the templates."""
    return (files("lmbench.report.page") / "templates" / name).read_text(encoding="utf-8")


@cache
def make_environment() -> Environment:
    """Return the environment of the templates.

    It escapes what a template shows: characters that would be markup, and those that do not print or change the
    direction of a line. Only `Markup`, such as a picture, is left as it is.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(read_template),
        autoescape=True,
        finalize=_finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lines"] = _show_lines
    return environment


def _finish(value: object) -> object:
    """Return what a template shows of a value."""
    return printable(value) if type(value) is str else value  # Markup is a subclass


def _show_lines(text: str) -> Markup:
    """Return a text of several lines, escaped as all others."""
    from markupsafe import escape

    return escape(printable_lines(text))
