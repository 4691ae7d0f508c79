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
from lmbench.model import LanguageModel, ModelOptions, Traits

CONTRACT_VERSION = 1
"""The version of the scoring contract. Raise it if the same scores give other numbers than before."""


def identify_model(model: type[LanguageModel], options: ModelOptions) -> dict[str, JsonValue]:
    """Return the identity of a model that is not fitted: its class and its options.

    An option that names a file counts by the contents of the file. A class outside of lmbench counts by the source of
    its package, because its author changes it more often than its version.

    Args:
        model: The model's class.
        options: Its options.

    Raises:
        SpecError: A file cannot be read.
    """
    declared: object = model.traits
    return {
        "model": model.__qualname__,
        "code": _identify_code(model.__module__),
        "version": declared.version if isinstance(declared, Traits) else 1,
        "options": options.identity(),
    }


def fit_key(model: dict[str, JsonValue], text: TrainingText | None) -> str:
    """Return the key of a fitted model.

    Args:
        model: Its identity before it was fitted.
        text: The text; None if it is not fitted.
    """
    return digest({"model": model, "text": _identify_text(text)})


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


def digest(value: JsonValue) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _identify_text(text: TrainingText | None) -> JsonValue:
    if text is None:
        return None
    return {"train": text.train.digest, "valid": text.valid.digest, "tokenized": text.tokenized}


def _identify_code(module: str) -> str:
    """Return "lmbench", or the SHA-256 of all sources of the package that holds a module."""
    package = module.partition(".")[0]
    if package == "lmbench":
        return package
    location = getattr(sys.modules.get(package), "__file__", None)
    if location is None:
        return package
    path = Path(location)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return f"{package}:{digest(list(digests))}"
