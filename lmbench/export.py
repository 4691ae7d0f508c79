"""Handing a model to other programs: a file or folder in the format of its field, written whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lmbench.errors import ResultsError, SpecError
from lmbench.model import LanguageModel, ModelSpec


def refuse(model: LanguageModel, spec: ModelSpec, path: Path) -> None:
    """Raises, before anything is fitted, SpecError for a model that has no export, ResultsError for a taken path."""
    try:
        model.refuse_export()
    except NotImplementedError as reason:
        raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
    _refuse_taken(path)
    if not path.absolute().parent.is_dir():
        raise ResultsError(f"cannot write {path}: there is no folder '{path.absolute().parent}'")


def write(model: LanguageModel, spec: ModelSpec, path: Path) -> None:
    """Export a fitted model to `path`, which appears only when it is complete. Raises as `refuse` does."""
    with tempfile.TemporaryDirectory(prefix=".lmbench-", dir=path.absolute().parent) as folder:
        unfinished = Path(folder) / path.name
        try:
            model.export(unfinished)
        except NotImplementedError as reason:
            raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
        _refuse_taken(path)
        unfinished.rename(path)


def _refuse_taken(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise ResultsError(f"{path} exists already; choose another path or remove it")
