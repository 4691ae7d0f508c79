"""The identity of models, fitted models and cells: whatever their numbers depend on, and nothing else.

Two things with one identity have the same numbers, so that stored results can stand for computed ones. Machine,
time and versions of libraries are not a part of it; a cell records them as facts.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from pydantic import JsonValue

from lmbench.corpus import Corpus, TrainingText
from lmbench.model import LanguageModel, ModelOptions, declared_traits

CONTRACT_VERSION = 1
"""The version of the scoring contract. Raise it if the same scores give other numbers than before."""

_OWN = "lmbench"
_SCORING = "scoring"


def identify_model(model: type[LanguageModel], options: ModelOptions) -> dict[str, JsonValue]:
    """Return the identity of a model that is not fitted: its class and its options.

    Options that fitting does not read are apart if they have other values than their defaults.

    An option that names a file counts by the contents of the file. A class outside of lmbench counts by the sources of
    the packages that it and its bases are from, because their authors change them more often than their version.

    Args:
        model: The model's class.
        options: Its options.

    Raises:
        SpecError: A file cannot be read.
    """
    code, named, for_fitting = identify_code(model), options.identity(), options.for_fitting()
    fitted = named if for_fitting == options else for_fitting.identity()
    others = {name: value for name, value in named.items() if fitted.get(name) != value}
    return {
        "model": model.__qualname__ if code == _OWN else f"{model.__module__}.{model.__qualname__}",
        "code": code,
        "version": declared_traits(model).version,
        "options": fitted,
        **({_SCORING: others} if others else {}),
    }


def fit_key(model: dict[str, JsonValue], text: TrainingText | None) -> str:
    """Return the key of a fitted model. Options that fitting does not read are not a part of it.

    Args:
        model: Its identity before it was fitted.
        text: The text; None if it is not fitted.
    """
    fitted = {name: value for name, value in model.items() if name != _SCORING}
    return digest({"model": fitted, "text": _identify_text(text)})


def cell_key(model: dict[str, JsonValue], pretrained: bool, corpus: Corpus) -> str:
    """Return the key of a cell.

    Args:
        model: The identity of the model.
        pretrained: Whether nothing is fitted, so that the training split does not matter.
        corpus: The text.
    """
    return digest(
        {
            "contract": CONTRACT_VERSION,
            "model": model,
            "text": _identify_text(None if pretrained else corpus.training),
            "corpus": corpus.name,
            "test": corpus.test.digest,
            "floor": None if corpus.floor is None else list(corpus.floor),
        }
    )


def task_key(model: dict[str, JsonValue], text: TrainingText | None, task: str) -> str:
    """Return the key of a cell of a task.

    Args:
        model: The identity of the model.
        text: The text that it is fitted on; None if nothing is fitted, or there is none.
        task: The digest of the task.
    """
    return digest({"contract": CONTRACT_VERSION, "model": model, "text": _identify_text(text), "task": task})


def digest(value: JsonValue) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _identify_text(text: TrainingText | None) -> JsonValue:
    if text is None:
        return None
    return {"train": text.train.digest, "valid": text.valid.digest, "tokenized": text.tokenized}


def identify_code(kind: type) -> str:
    """Return "lmbench", or each other package that a class and its bases are from, with the SHA-256 of its sources."""
    packages = {base.__module__.partition(".")[0] for base in kind.__mro__} - {_OWN} - sys.stdlib_module_names
    return " ".join(f"{package}:{_digest_sources(package)}" for package in sorted(packages)) or _OWN


def _digest_sources(package: str) -> str:
    """Return the SHA-256 of all sources of a package, which may lack an __init__.py, or of a module."""
    module = sys.modules.get(package)
    folders, file = getattr(module, "__path__", ()), getattr(module, "__file__", None)
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py")) or ([Path(file)] if file else [])
    return digest([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
