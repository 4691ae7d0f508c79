"""``lmbench models``."""

from __future__ import annotations

import click

from lmbench.cli.describing import describe_options, docstring
from lmbench.errors import PluginError


@click.command(epilog="\b\nExamples:\n  lmbench models\n  lmbench models kenlm")
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models, or explain one and its options."""
    from lmbench.registry import find, registered, shadowed

    if name is not None:
        model = find(name).load()
        click.echo(f"{name}: {docstring(model)}\n")
        for line in describe_options(model.Options):
            click.echo(line)
        return
    for entry in registered().values():
        try:
            summary = docstring(entry.load()).splitlines()[0]
        except PluginError as error:
            summary = f"broken: {error}"
        click.echo(f"{entry.name:<14} {summary} [{entry.origin} {entry.version}]")
    for entry in shadowed():
        owner = registered()[entry.name].origin
        click.echo(f"{entry.name:<14} not used: the name is {owner}'s [{entry.origin} {entry.version}]")
