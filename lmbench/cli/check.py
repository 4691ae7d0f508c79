"""``lmbench check``."""

from __future__ import annotations

import sys

import click

from lmbench.cli.output import echo, echo_json


@click.command(epilog="\b\nExamples:\n  lmbench check kenlm:order=3\n  lmbench check my-model --json")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def check(model: str, as_json: bool) -> None:
    """Check that a model's scores are probabilities.

    This runs the conformance suite. The exit code is 1 if a check fails.
    """
    from rich.console import Console

    from lmbench.checks import check_spec, find_doubt
    from lmbench.cli.displays import NoticeDisplay
    from lmbench.model import ModelSpec
    from lmbench.report import tables
    from lmbench.runs.store import Verification

    outcomes = check_spec(ModelSpec.parse(model), NoticeDisplay())
    why = find_doubt(outcomes)
    if as_json:
        echo_json(Verification(model=model, doubt=why, outcomes=outcomes).model_dump_json(indent=1))
    else:
        Console().print(tables.checks(outcomes))
        echo(f"{model} is unverified: {why}" if why else f"{model} is verified.")
    if any(outcome.status == "fail" for outcome in outcomes):
        sys.exit(1)
