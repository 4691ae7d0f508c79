"""``lmbench new-task``: create a plugin package with a task, which installs and passes its tests as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from lmbench.cli.output import echo
from lmbench.cli.scaffold import Package, check_name, create_package, read_skeleton

Kind = Literal["choices", "own"]
KINDS: tuple[Kind, ...] = ("choices", "own")
"""What the task of a new package is; each has a skeleton."""

_TEST = '''\
"""Check that the task keeps the contract of lmbench's tasks."""

from lmbench import check_task, load_task


def test_contract():
    check_task(load_task("$name"))
'''
_USAGE = """\
Ask a 5-gram and a compressor:

```console
lmbench run --tasks $name --models kenlm,ppm
```
"""


@click.command(
    "new-task",
    epilog="""\b
Examples:
  lmbench new-task my-task && cd lmbench-my-task && pip install -e '.[test]' && pytest
  lmbench new-task my-probe --kind own""",
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="choices",
    show_default=True,
    help="choices: questions with answers to choose from, measured as lmbench does. own: a task that says itself what "
    "each item asks and how answers are measured.",
)
def new_task(name: str, kind: Kind) -> None:
    """Create a plugin package for a new task.

    The package is a folder, lmbench-NAME, that installs and passes its tests as it is. Its task has two items; replace
    them by your own. A file of JSON lines needs no package: lmbench run --tasks my.jsonl:kind=multiple-choice.
    """
    folder = write_task_package(name, Path(), kind)
    echo(f"Written: {folder}. Install it and run its tests: cd {folder} && pip install -e '.[test]' && pytest")


def write_task_package(name: str, parent: Path, kind: Kind = "choices") -> Path:
    """Write the plugin package of a new task.

    Args:
        name: The task's name.
        parent: The folder in which the package gets a folder of its own.
        kind: What the task is.

    Returns:
        The package's folder.

    Raises:
        LmbenchError: The name is malformed or taken, or the folder already exists or cannot be written.
    """
    from lmbench.tasks.loading import known_names
    from lmbench.tasks.plugins import list_plugins

    origins = {name: task.origin for name, task in list_plugins().items()}
    check_name(name, "task", dict.fromkeys(known_names(), "lmbench-suite") | origins)
    return create_package(name, parent, Package("task", "load", read_skeleton(f"task-{kind}"), _TEST, _USAGE))
