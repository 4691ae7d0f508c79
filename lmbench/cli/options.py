"""Options that several commands have in common, and the group that commands belong to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lmbench.corpora.formats import LAYOUTS
from lmbench.corpora.splitting import DOCUMENT_UNITS
from lmbench.errors import UnknownNameError

if TYPE_CHECKING:
    from lmbench.corpora.options import CorpusOptions

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


def fitting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --corpus, --refit and the options of `text_options`. The command gets them as one value, `fitting`."""
    return _collect_fitting(command, _TEXT)


def scoring_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `fitting_options` except --format, which is the format that the command prints."""
    return _collect_fitting(command, {name: option for name, option in _TEXT.items() if name != "format"})


def _collect_fitting(
    command: Callable[..., None], options: Mapping[str, Callable[[Command], Command]]
) -> Callable[..., None]:
    @wraps(command)
    def call(corpus: str, refit: bool, defaults: CorpusOptions, **values: object) -> None:
        from lmbench.cli.inputs import Fitting

        command(**values, fitting=Fitting(corpus, defaults, refit))

    return _CORPUS(_REFIT(_collect(call, options)))


def text_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how to read users' texts. The command gets them as one value, `defaults`."""
    return _collect(command, _TEXT)


def corpus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `text_options`, --split and --limit. The command gets them as one value, `defaults`."""
    return _collect(command, _TEXT | _SELECTION)


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json. The command gets it as `as_json`."""
    return _JSON(command)


def margin_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add --margin. The command gets it as `margin`."""
    return _MARGIN(command)


def plots_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add --plots. The command gets it as `plots`."""
    return _PLOTS(command)


class _Margin(click.FloatRange):
    """Bits per byte, 0 or more."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        margin = float(super().convert(value, param, ctx))
        if not math.isfinite(margin):
            self.fail(f"{value} is not a finite number", param, ctx)
        return margin


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
_MARGIN = click.option(
    "--margin",
    type=_Margin(0),
    default=0.001,  # that of statistics, which takes too long to import for --help
    show_default=True,
    metavar="BITS",
    help="Bits per byte within which models are equal for all purposes.",
)
_PLOTS = click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write the charts into this folder, each as SVG, PNG and PDF.",
)
_CORPUS = click.option(
    "--corpus",
    default="pydocs",
    show_default=True,
    metavar="NAME",
    help="Corpus to fit the model on, unless it is pretrained.",
)
_REFIT = click.option("--refit", is_flag=True, help="Fit the model even if it was fitted on this text and stored.")
_TEXT = {
    "documents": click.option(
        "--documents",
        type=click.Choice(("auto", *DOCUMENT_UNITS)),
        help="Unit of text that is one document. [default: chosen by what the text looks like; in JSON and tables, a "
        "record]",
    ),
    "format": click.option(
        "--format",
        type=click.Choice(LAYOUTS),
        help="Format of files and standard input. [default: by name and content]",
    ),
    "encoding": click.option(
        "--encoding", metavar="NAME", help="Encoding of files and standard input. [default: utf-8]"
    ),
    "field": click.option(
        "--field",
        "--column",
        "field",
        metavar="NAME",
        help="Field of JSON, or column of a table, that holds the text. [default: text]",
    ),
    "strip": click.option(
        "--strip/--no-strip", default=None, help="Strip the spaces at both ends of each line. [default: no-strip]"
    ),
}
_SELECTION = {
    "split": click.option(
        "--split",
        type=click.Choice(("test", "valid", "all")),
        help="Split to score. 'valid': models validate on the last tenth of the training text instead. 'all': the "
        "whole text, for pretrained models. [default: test; all of a file if all models are pretrained]",
    ),
    "limit": click.option(
        "--limit", type=click.IntRange(1), metavar="N", help="Score only the first N documents of each corpus."
    ),
}


def _collect(command: Callable[..., None], options: Mapping[str, Callable[[Command], Command]]) -> Callable[..., None]:
    """Add options to a command, which gets them as one value, `defaults`."""

    @wraps(command)
    def call(**values: object) -> None:
        from lmbench.corpora.options import CorpusOptions

        given = {name: values.pop(name) for name in options}
        command(**values, defaults=CorpusOptions.model_validate(given))

    decorated: Callable[..., None] = call
    for option in reversed(list(options.values())):
        decorated = option(decorated)
    return decorated
