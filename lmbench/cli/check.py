"""``lmbench check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.output import echo, echo_json

if TYPE_CHECKING:
    from lmbench.report.verification import CheckReport


@click.command(
    epilog="""\b
Examples:
  lmbench check kenlm:order=3
  lmbench check my-model --report conformance.md
  lmbench check my-model --seed 7 --json"""
)
@click.argument("model")
@click.option("--seed", default=0, show_default=True, help="Seed of the suite's random texts.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE.md",
    help="Write a page with the results, versions and hashes, to publish with the model.",
)
def check(model: str, seed: int, as_json: bool, page: Path | None) -> None:
    """Check that a model's scores are probabilities.

    This runs the conformance suite. The exit code is 1 if a check fails.
    """
    from rich.console import Console

    from lmbench.checks import check_spec
    from lmbench.cli.displays import WorkDisplay
    from lmbench.model import ModelSpec
    from lmbench.report import verification

    if page is not None:
        verification.check_place(page)
    spec = ModelSpec.parse(model)
    with WorkDisplay(Console(stderr=True), f"checking {spec}") as display:
        outcomes = check_spec(spec, display, seed)
    report = verification.make_report(spec, outcomes, seed)
    if as_json:
        echo_json(report.model_dump_json(indent=1))
    else:
        _print(report)
    if page is not None:
        verification.write(page, report)
        echo(f"Written: {page}", err=as_json)
    if any(outcome.status == "fail" for outcome in outcomes):
        sys.exit(1)


def _print(report: CheckReport) -> None:
    from rich.console import Console

    from lmbench.report import tables
    from lmbench.report.marks import describe_changes

    Console().print(tables.checks(report.outcomes))
    if report.changed:
        checked, own = describe_changes(report.changed), describe_changes(report.changed, own=True)
        echo(f"Checked with {checked} instead of {own}.")
    echo(f"{report.model} is unverified: {report.doubt}" if report.doubt else f"{report.model} is verified.")
    if report.trained_elsewhere:
        echo(f"† {report.model} is trained on other text than it is fitted on: {report.trained_elsewhere}")
