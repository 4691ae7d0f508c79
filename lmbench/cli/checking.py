"""``lmbench check`` and ``lmbench new-model``: for authors of models."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(epilog="\b\nExamples:\n  lmbench check kenlm:order=3\n  lmbench check my-model --json")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def check(model: str, as_json: bool) -> None:
    """Run the conformance suite on a model: are its scores probabilities? Exit code 1 where a check fails."""
    from rich.console import Console

    from lmbench.checks import check_spec, doubt
    from lmbench.cli.displays import NoticeDisplay
    from lmbench.model import ModelSpec
    from lmbench.report import tables
    from lmbench.runs.store import Verification

    outcomes = check_spec(ModelSpec.parse(model), NoticeDisplay())
    why = doubt(outcomes)
    if as_json:
        click.echo(Verification(model=model, doubt=why, outcomes=outcomes).model_dump_json(indent=1))
    else:
        Console().print(tables.checks(outcomes))
        click.echo(f"{model} is unverified: {why}" if why else f"{model} is verified.")
    if any(outcome.status == "fail" for outcome in outcomes):
        sys.exit(1)


@click.command(
    "new-model", epilog="\b\nExample:\n  lmbench new-model my-model && cd lmbench-my-model && pip install -e '.[test]'"
)
@click.argument("name")
def new_model(name: str) -> None:
    """Write a small plugin package to start from, in the folder lmbench-NAME."""
    from lmbench.cli.scaffold import write_package

    folder = write_package(name, Path())
    click.echo(f"Written: {folder}. Install it and run its tests: cd {folder} && pip install -e '.[test]' && pytest")
