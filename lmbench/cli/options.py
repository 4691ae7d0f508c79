"""What several commands share: options, and errors for unknown names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from lmbench.corpora.splitting import DOCUMENT_UNITS
from lmbench.errors import UnknownNameError

Command = TypeVar("Command", bound=Callable[..., None])


class CommandGroup(click.Group):
    """A group whose unknown commands get the same kind of error as unknown models."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            raise UnknownNameError("command", cmd_name, self.commands)
        return command


fitted_on = click.option(
    "--corpus", default="pydocs", show_default=True, metavar="NAME", help="Corpus to fit on, unless pretrained."
)
"""The option --corpus of the commands that fit one model."""


def text_format(command: Command) -> Command:
    """Add the options that say how the bytes of a user's text are read."""
    for option in reversed(
        (
            click.option(
                "--documents",
                type=click.Choice(DOCUMENT_UNITS),
                help="What one document of a file is. [default: line; in JSON lines, a record]",
            ),
            click.option(
                "--encoding", default="utf-8", show_default=True, help="Encoding of files and standard input."
            ),
            click.option(
                "--field", metavar="NAME", help="Field of JSON lines with the text. [default: text, in .jsonl files]"
            ),
        )
    ):
        command = option(command)
    return command
