"""``lmbench new-model``: create a plugin package that installs and passes its tests as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from string import Template

import click

from lmbench import atomic
from lmbench.cli.output import echo
from lmbench.errors import LmbenchError

_FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "lmbench-$name"
version = "0.1.0"
description = "The model $name for lmbench"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["lmbench-suite"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."lmbench.models"]
$name = "$module:$class_name"
""",
    "$module.py": '''\
"""The model $name for lmbench. Replace this unigram model of bytes with your own."""

import numpy as np
from lmbench import LanguageModel, NextEvents, Score, Signature, SILENT


class $class_name(LanguageModel):
    """Unigram model of bytes, with add-one smoothing."""

    def fit(self, data, progress=SILENT):
        text = "".join(data.train.documents).encode()
        counts = np.bincount(np.frombuffer(text, dtype=np.uint8), minlength=256) + 1
        self.logprobs = np.log(counts / counts.sum())

    def score(self, documents):
        texts = [np.frombuffer(document.encode(), dtype=np.uint8) for document in documents]
        return [Score(np.arange(1, len(t) + 1), self.logprobs[t], np.zeros(len(t))) for t in texts]

    def next_events(self, text):
        return NextEvents.of_bytes(self.logprobs)

    def signature(self):
        return Signature.of(tok="bytes")
''',
    "test_$module.py": '''\
"""Run the conformance suite of lmbench on the model."""

from lmbench.checks import parametrize_with_checks


@parametrize_with_checks("$name")
def test_contract(check):
    check()
''',
    "README.md": """\
# lmbench-$name

The model `$name` for lmbench.

Install the package and run its tests:

```console
pip install -e '.[test]' && pytest
```

Compare the model with a 5-gram:

```console
lmbench run --models $name,kenlm
```

Check that its scores are probabilities, and write a page with the results to publish:

```console
lmbench check $name --report conformance.md
```
""",
}


@click.command(
    "new-model", epilog="\b\nExample:\n  lmbench new-model my-model && cd lmbench-my-model && pip install -e '.[test]'"
)
@click.argument("name")
def new_model(name: str) -> None:
    """Create a plugin package for a new model.

    The package is a folder, lmbench-NAME, that installs and passes its tests as it is.
    """
    folder = write_package(name, Path())
    echo(f"Written: {folder}. Install it and run its tests: cd {folder} && pip install -e '.[test]' && pytest")


def write_package(name: str, parent: Path) -> Path:
    """Write the plugin package of a new model.

    Args:
        name: The model's name.
        parent: The folder in which the package gets a folder of its own.

    Returns:
        The package's folder.

    Raises:
        LmbenchError: The name is malformed or taken, or the folder already exists or cannot be written.
    """
    _check_name(name)
    folder = parent / f"lmbench-{name}"
    if folder.exists():
        raise LmbenchError(f"{folder} already exists; choose another name or another place")
    values = {
        "name": name,
        "module": f"lmbench_{name.replace('-', '_')}",
        "class_name": "".join(word.capitalize() for word in name.split("-")) + "Model",
    }
    atomic.write_new(folder, partial(_write_files, values))
    return folder


def _write_files(values: Mapping[str, str], folder: Path) -> None:
    folder.mkdir()
    for path, text in _FILES.items():
        (folder / Template(path).substitute(values)).write_text(Template(text).substitute(values), encoding="utf-8")


def _check_name(name: str) -> None:
    from lmbench.registry import list_registered

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise LmbenchError(f"'{name}' cannot name a model; use lowercase letters, digits and hyphens, as in my-model")
    if name == "all":
        raise LmbenchError("'all' means all models; choose another name")
    if name in list_registered():
        raise LmbenchError(f"a model of {list_registered()[name].origin} is called '{name}'; choose another name")
