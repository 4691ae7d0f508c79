"""``lmbench new-model``: a plugin package to start from, which installs and passes as it is."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from lmbench.errors import LmbenchError
from lmbench.registry import registered

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
"""The model $name for lmbench: bytes drawn independently. A place to start from."""

import numpy as np
from lmbench import LanguageModel, NextEvents, Score, Signature, SILENT


class $class_name(LanguageModel):
    """Bytes drawn independently, as often as in the training text."""

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
"""The model's scores are probabilities: lmbench's conformance suite."""

from lmbench.checks import parametrize_with_checks


@parametrize_with_checks("$name")
def test_contract(check):
    check()
''',
    "README.md": """\
# lmbench-$name

The model `$name` for lmbench.

```console
pip install -e '.[test]' && pytest
lmbench run --models $name,kenlm
```
""",
}


def write_package(name: str, parent: Path) -> Path:
    """Write the package of a model called `name` into a new folder below `parent`; the folder.

    Raises LmbenchError for a name that cannot be one or is taken, and for a folder that exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise LmbenchError(f"'{name}' cannot name a model; use small letters, digits and hyphens, as in my-model")
    if name == "all":
        raise LmbenchError("'all' means all models; choose another name")
    if name in registered():
        raise LmbenchError(f"there is a model '{name}' already, of {registered()[name].origin}; choose another name")
    folder = parent / f"lmbench-{name}"
    if folder.exists():
        raise LmbenchError(f"{folder} exists already; choose another name or another place")
    module = f"lmbench_{name.replace('-', '_')}"
    class_name = "".join(word.capitalize() for word in name.split("-")) + "Model"
    values = {"name": name, "module": module, "class_name": class_name}
    folder.mkdir(parents=True)
    for path, text in _FILES.items():
        (folder / Template(path).substitute(values)).write_text(Template(text).substitute(values), encoding="utf-8")
    return folder
