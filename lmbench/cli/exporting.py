"""Handing a model to other programs: a file or folder in the format of its field, written whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lmbench.errors import ResultsError, SpecError
from lmbench.model import LanguageModel, ModelSpec


def refuse(model: LanguageModel, spec: ModelSpec, path: Path) -> None:
    """Raises, before anything is fitted, SpecError for a model that has no export, ResultsError for a taken path.

    What a model puts beside `path` is looked at when it is written.
    """
    try:
        model.refuse_export()
    except NotImplementedError as reason:
        raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
    _refuse_taken(path)
    if not path.absolute().parent.is_dir():
        raise ResultsError(f"cannot write {path}: there is no folder '{path.absolute().parent}'")


def write(model: LanguageModel, spec: ModelSpec, path: Path) -> list[Path]:
    """Export a fitted model to `path`, which appears only when all is complete. Raises as `refuse` does.

    Returns what was written: first what the model put beside `path`, if it did.
    """
    with tempfile.TemporaryDirectory(prefix=".lmbench-", dir=path.absolute().parent) as folder:
        unfinished = Path(folder) / path.name
        try:
            model.export(unfinished)
        except NotImplementedError as reason:
            raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
        parts = sorted(Path(folder).iterdir(), key=lambda part: part == unfinished)
        written = [path.with_name(part.name) for part in parts]
        for place in written:
            _refuse_taken(place)
        for part, place in zip(parts, written, strict=True):
            part.rename(place)
        return written


def _refuse_taken(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise ResultsError(f"{path} exists already; choose another path or remove it")
