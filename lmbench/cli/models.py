"""``lmbench models`` and ``lmbench inspect``: which models exist, and what one of them learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench import atomic
from lmbench.cli.inputs import prepare
from lmbench.cli.options import fitting_options
from lmbench.cli.output import echo, echo_text
from lmbench.errors import LmbenchError

if TYPE_CHECKING:
    from lmbench.cli.inputs import Fitting


@click.command(epilog="\b\nExamples:\n  lmbench models\n  lmbench models kenlm")
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models, or describe one and its options."""
    from lmbench.cli.descriptions import describe_options, docstring
    from lmbench.model import declared_traits
    from lmbench.registry import find

    if name is None:
        _list_models()
        return
    model = find(name).load()
    echo_text(f"{name}: {docstring(model)}\n")
    for line in describe_options(model.Options, declared_traits(model).grid):
        echo(line)


@click.command(
    epilog="""\b
Examples:
  lmbench inspect hmm:states=16 --corpus fables-en
  lmbench inspect hmm --save states.png"""
)
@click.argument("model")
@fitting_options
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE.png",
    help="Also draw it as a picture.",
)
def inspect(model: str, fitting: Fitting, save: Path | None) -> None:
    """Fit a model and show what it learned.

    Some models have nothing to show.
    """
    from rich.console import Console

    from lmbench.corpora.loading import refuse_idle_options
    from lmbench.exhibit import plain_exhibits
    from lmbench.model import LanguageModel
    from lmbench.registry import build
    from lmbench.report import exhibits

    _check_picture_path(save)
    refuse_idle_options([fitting.corpus], fitting.defaults)
    built = build(model)
    if type(built).exhibits is LanguageModel.exhibits:
        raise LmbenchError(f"{model} cannot show what it learned")
    prepare(built, model, fitting)
    shown = plain_exhibits(built.exhibits())
    console = Console()
    for exhibit in shown:
        console.print(exhibits.terminal(exhibit))
    if save is not None:
        from lmbench.report import plots

        atomic.write(save, plots.picture(shown))
        echo(f"Written: {save}")


def _list_models() -> None:
    from lmbench.cli.descriptions import summarize_model
    from lmbench.registry import list_registered, list_shadowed

    registered = list_registered()
    for entry in registered.values():
        echo(f"{entry.name:<14} {summarize_model(entry)} [{entry.origin} {entry.version}]")
    for entry in list_shadowed():
        owner = registered[entry.name].origin
        echo(f"{entry.name:<14} not used: {owner} has a model of this name [{entry.origin} {entry.version}]")


def _check_picture_path(path: Path | None) -> None:
    if path is not None and path.suffix.lower() != ".png":
        raise LmbenchError(f"'{path}' does not end in .png, the only format of pictures")
    if path is not None and not path.parent.is_dir():
        raise LmbenchError(f"cannot save the picture: the folder '{path.parent}' does not exist")
