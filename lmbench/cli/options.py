"""Options that several commands have in common, and the group that commands belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from lmbench.corpora.formats import LAYOUTS
from lmbench.corpora.splitting import DOCUMENT_UNITS
from lmbench.errors import UnknownNameError

Command = TypeVar("Command", bound=Callable[..., None])


class CommandGroup(click.Group):
    """A group that reports unknown commands in the same way as unknown models."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return the command of this name.

        Raises:
            UnknownNameError: There is none.
        """
        command = super().get_command(ctx, cmd_name)
        if command is None:
            raise UnknownNameError("command", cmd_name, self.commands)
        return command


fitted_on = click.option(
    "--corpus",
    default="pydocs",
    show_default=True,
    metavar="NAME",
    help="Corpus to fit the model on, unless it is pretrained.",
)
"""Adds the option --corpus to a command that fits one model."""


def text_format(command: Command) -> Command:
    """Add the options --documents, --format, --encoding and --field, which say how to read a user's text."""
    documents = click.option(
        "--documents",
        type=click.Choice(DOCUMENT_UNITS),
        help="Unit of text that is one document. [default: a line; in JSON and tables, a record]",
    )
    return documents(bytes_format(command))


def bytes_format(command: Command) -> Command:
    """Add the options --format, --encoding and --field, which say how to read the bytes of a user's text."""
    for option in reversed(
        (
            click.option(
                "--format",
                "layout",
                type=click.Choice(LAYOUTS),
                help="Format of files and standard input. [default: by name and content]",
            ),
            click.option(
                "--encoding", default="utf-8", show_default=True, help="Encoding of files and standard input."
            ),
            click.option(
                "--field",
                metavar="NAME",
                help="Field of JSON, or column of a table, that holds the text. [default: text]",
            ),
        )
    ):
        command = option(command)
    return command
