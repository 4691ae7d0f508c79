"""``lmbench tasks``: which tasks exist, and what they ask."""

from __future__ import annotations

import click

from lmbench.cli.options import json_option
from lmbench.cli.output import echo, echo_json_lines


@click.command(
    epilog="""\b
Examples:
  lmbench tasks
  lmbench tasks arc-easy:shots=2
  lmbench tasks my.jsonl:kind=multiple-choice"""
)
@click.argument("name", required=False)
@json_option
def tasks(name: str | None, as_json: bool) -> None:
    """List the tasks, or describe one and its items.

    `lmbench run --tasks` evaluates models on them. Files of items are tasks as well.
    """
    from lmbench.cli.task_lists import describe_task, format_task, format_tasks, list_tasks

    if as_json:
        echo_json_lines(format_tasks() if name is None else [format_task(name)])
        return
    for line in list_tasks() if name is None else describe_task(name):
        echo(line)
