"""``lmbench new-model``: create a plugin package that installs and passes its tests as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from typing import Literal

import click

from lmbench import atomic
from lmbench.cli.output import echo
from lmbench.errors import LmbenchError

Kind = Literal["bytes", "words", "pretrained"]
KINDS: tuple[Kind, ...] = ("bytes", "words", "pretrained")
"""What the model of a new package is; each has a skeleton."""

_SKELETONS = Path(__file__).parent / "skeletons"
_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "lmbench-$name"
version = "0.1.0"
description = "The $noun $name for lmbench"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["lmbench-suite"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."lmbench.${noun}s"]
$name = "$module:$entry"
"""
_README = """\
# lmbench-$name

The $noun `$name` for lmbench.

Install the package and run its tests:

```console
pip install -e '.[test]' && pytest
```

"""
_TEST = '''\
"""Run the conformance suite of lmbench on the model."""

from lmbench.checks import parametrize_with_checks


@parametrize_with_checks("$name")
def test_contract(check):
    check()
'''
_USAGE = """\
List its options, and compare it with a 5-gram:

```console
lmbench models $name
lmbench run --models $name,kenlm
```

Check that its scores are probabilities, and write a page with the results to publish:

```console
lmbench check $name --report conformance.md
```
"""


@dataclass(frozen=True, slots=True)
class Package:
    """The templates of a plugin package.

    Attributes:
        noun: What it registers: "model" or "task".
        entry: What of its module it registers.
        module: Its module.
        test: The test of its module.
        usage: How its model or task is used: the end of its README.
    """

    noun: str
    entry: str
    module: str
    test: str
    usage: str

    @property
    def files(self) -> Mapping[str, str]:
        """The text of each file by its name."""
        return {
            "pyproject.toml": _PYPROJECT,
            "README.md": _README + self.usage,
            "test_$module.py": self.test,
            "$module.py": self.module,
        }


@click.command(
    "new-model",
    epilog="""\b
Examples:
  lmbench new-model my-model && cd lmbench-my-model && pip install -e '.[test]' && pytest
  lmbench new-model my-lstm --kind words""",
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="bytes",
    show_default=True,
    help="What the model predicts and how it gets its weights. bytes: fitted on the training text, byte by byte. "
    "words: fitted, over a vocabulary with unknown words, with any of lmbench's tokenizers. pretrained: weights and "
    "tokens come from elsewhere.",
)
def new_model(name: str, kind: Kind) -> None:
    """Create a plugin package for a new model.

    The package is a folder, lmbench-NAME, that installs and passes its tests as it is. Its model is a small one of the
    kind; replace it by your own.
    """
    folder = write_package(name, Path(), kind)
    echo(f"Written: {folder}. Install it and run its tests: cd {folder} && pip install -e '.[test]' && pytest")


def write_package(name: str, parent: Path, kind: Kind = "bytes") -> Path:
    """Write the plugin package of a new model.

    Args:
        name: The model's name.
        parent: The folder in which the package gets a folder of its own.
        kind: What the model is.

    Returns:
        The package's folder.

    Raises:
        LmbenchError: The name is malformed or taken, or the folder already exists or cannot be written.
    """
    from lmbench.registry import list_registered

    check_name(name, "model", {name: model.origin for name, model in list_registered().items()})
    return create_package(name, parent, Package("model", "$class_name", read_skeleton(kind), _TEST, _USAGE))


def read_skeleton(name: str) -> str:
    """Return the template of a package's module."""
    return (_SKELETONS / f"{name}.txt").read_text(encoding="utf-8")


def create_package(name: str, parent: Path, package: Package) -> Path:
    """Write the files of a plugin package.

    Args:
        name: What the package registers.
        parent: The folder in which the package gets a folder of its own.
        package: Its templates.

    Returns:
        The package's folder.

    Raises:
        LmbenchError: The folder already exists or cannot be written.
    """
    folder = parent / f"lmbench-{name}"
    if folder.exists():
        raise LmbenchError(f"{folder} already exists; choose another name or another place")
    values = {
        "name": name,
        "noun": package.noun,
        "module": f"lmbench_{name.replace('-', '_')}",
        "class_name": "".join(word.capitalize() for word in (*name.split("-"), package.noun)),
    }
    values["entry"] = Template(package.entry).substitute(values)
    atomic.write_new(folder, partial(_write_files, package.files, values))
    return folder


def _write_files(files: Mapping[str, str], values: Mapping[str, str], folder: Path) -> None:
    folder.mkdir()
    for path, text in files.items():
        (folder / Template(path).substitute(values)).write_text(Template(text).substitute(values), encoding="utf-8")


def check_name(name: str, noun: str, taken: Mapping[str, str]) -> None:
    """Check that a model or a task can have a name.

    Args:
        name: The name.
        noun: What is named: "model" or "task".
        taken: The names that others have, each with the package that registers it.

    Raises:
        LmbenchError: The name is malformed or taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise LmbenchError(f"'{name}' cannot name a {noun}; use lowercase letters, digits and hyphens, as in my-{noun}")
    if name == "all":
        raise LmbenchError(f"'all' means all {noun}s; choose another name")
    if name in taken:
        raise LmbenchError(f"a {noun} of {taken[name]} is called '{name}'; choose another name")
