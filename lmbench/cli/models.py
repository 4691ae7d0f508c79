"""``lmbench models``: which models exist, and their options."""

from __future__ import annotations

import click

from lmbench.cli.options import json_option
from lmbench.cli.output import echo, echo_json_lines, echo_text


@click.command(epilog="\b\nExamples:\n  lmbench models\n  lmbench models kenlm")
@click.argument("name", required=False)
@json_option
def models(name: str | None, as_json: bool) -> None:
    """List the models, or describe one and its options."""
    if as_json:
        _print_json(name)
    elif name is None:
        _list_models()
    else:
        _describe_model(name)


def _describe_model(name: str) -> None:
    from lmbench.cli.descriptions import describe_options, docstring
    from lmbench.model import declared_traits
    from lmbench.registry import find

    model = find(name).load()
    echo_text(f"{name}: {docstring(model)}\n")
    for line in describe_options(model.Options, declared_traits(model).grid):
        echo(line)


def _print_json(name: str | None) -> None:
    from lmbench.cli.json_lists import format_model, format_models

    echo_json_lines(format_models() if name is None else [format_model(name)])


def _list_models() -> None:
    from lmbench.cli.descriptions import summarize_model
    from lmbench.registry import list_registered, list_shadowed

    registered = list_registered()
    for entry in registered.values():
        echo(f"{entry.name:<14} {summarize_model(entry)} [{entry.origin} {entry.version}]")
    for entry in list_shadowed():
        owner = registered[entry.name].origin
        echo(f"{entry.name:<14} not used: {owner} has a model of this name [{entry.origin} {entry.version}]")
