"""Everything that commands print with click: control characters are escaped, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterable

import click

from lmbench.printable import printable, printable_json, printable_lines


def echo(line: str = "", err: bool = False) -> None:
    """Print one line on standard output, or on standard error."""
    click.echo(printable(line), err=err)


def echo_text(text: str, end: str = "\n") -> None:
    """Print text that may have several lines and tabs on standard output."""
    click.echo(printable_lines(text) + end, nl=False)


def echo_json(text: str) -> None:
    """Print JSON on standard output."""
    click.echo(printable_json(text))


def echo_json_lines(lines: Iterable[str]) -> None:
    """Print JSON on standard output, one value a line."""
    for line in lines:
        echo_json(line)
