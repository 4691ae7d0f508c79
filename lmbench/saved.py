"""Fitted models on disk: arrays and JSON in one file. Reading it runs no code."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from struct import error as StructError
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, JsonValue

from lmbench.atomic import replacing
from lmbench.compression import open_regular
from lmbench.errors import SpecError, reason
from lmbench.identity import identify_model
from lmbench.model import LanguageModel

FILE = "model.npz"
_IDENTITY, _FACTS = "model.json", "facts.json"
_DAMAGE = (  # raised by zipfile, NumPy and pydantic for a damaged file, or one of another kind
    OSError, EOFError, KeyError, TypeError, ValueError, MemoryError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error, LZMAError, StructError,
)  # fmt: skip


class SavedFacts(BaseModel):
    """Base of everything that a model saves and that is not arrays: typed fields, which become JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


SomeFacts = TypeVar("SomeFacts", bound=SavedFacts)


class _Identity(SavedFacts):
    """Which model a file holds.

    Attributes:
        kind: The model's class, its code, and the version of its algorithm.
        options: The options that decide what fitting learns.
    """

    kind: str
    options: dict[str, JsonValue]

    @classmethod
    def of(cls, model: LanguageModel) -> _Identity:
        """Return the identity of a model."""
        kind, options = type(model), model.options
        parts = identify_model(kind, options)
        free = options.incidental | options.scoring_only
        deciding = {name: value for name, value in options.identity().items() if name not in free}
        return cls(kind=f"{parts['model']} of {parts['code']}, version {parts['version']}", options=deciding)


class Saved:
    """An open file that `write_saved` wrote."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def facts(self, kind: type[SomeFacts]) -> SomeFacts:
        """Return everything that is not arrays."""
        return self._read_json(_FACTS, kind)

    def array(self, name: str, kind: type[np.generic], dimensions: int = 1) -> NDArray[Any]:
        """Return the array of this name.

        Args:
            name: The name.
            kind: The type of its numbers, such as np.int64, or a group of types, such as np.floating.
            dimensions: The number of its dimensions.

        Raises:
            ValueError: It is another kind of array.
        """
        with self._archive.open(_member(name)) as member:
            array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        if not np.issubdtype(array.dtype, kind) or array.ndim != dimensions:
            raise ValueError(
                f"{name} has {array.ndim} dimensions of {array.dtype}, not {dimensions} of {kind.__name__}"
            )
        return array

    def extract(self, name: str, folder: Path) -> Path:
        """Write the file of this name into a folder, and return its path."""
        return Path(self._archive.extract(name, folder))

    def require(self, folder: Path, model: LanguageModel) -> None:
        """Check that the file holds this model.

        Raises:
            SpecError: It holds another one, or one with other options.
        """
        stored, asked = self._read_json(_IDENTITY, _Identity), _Identity.of(model)
        if stored.kind != asked.kind:
            raise SpecError(f"{folder} holds {stored.kind}, not {asked.kind}")
        require_same_options(folder, stored.options, asked.options)

    def _read_json(self, name: str, kind: type[SomeFacts]) -> SomeFacts:
        return kind.model_validate_json(self._archive.read(name))


def write_saved(
    folder: Path,
    model: LanguageModel,
    arrays: Mapping[str, NDArray[Any]],
    facts: SavedFacts | None = None,
    files: Sequence[Path] = (),
) -> None:
    """Write a fitted model into a folder, as one file that appears whole or not at all.

    Args:
        folder: The folder.
        model: The model, whose class and options are stored too.
        arrays: Arrays of numbers, by name. They are not copied.
        facts: Everything else that it learned.
        files: Files to store under their names.

    Raises:
        ResultsError: The file cannot be written.
    """
    with replacing(folder / FILE) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_IDENTITY, _Identity.of(model).model_dump_json())
        archive.writestr(_FACTS, (facts or SavedFacts()).model_dump_json())
        for name, array in arrays.items():
            with archive.open(_member(name), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        for path in files:
            archive.write(path, path.name)


@contextmanager
def open_saved(folder: Path, model: LanguageModel) -> Iterator[Saved]:
    """Open what `write_saved` wrote. Use the file inside the ``with`` block, which turns errors of reading into one.

    Args:
        folder: The folder.
        model: The model to restore, not fitted yet.

    Raises:
        SpecError: The folder does not hold this model, or its file is damaged.
    """
    try:
        with open_regular(folder / FILE) as file, zipfile.ZipFile(file) as archive:
            saved = Saved(archive)
            saved.require(folder, model)
            yield saved
    except _DAMAGE as error:
        raise SpecError(f"{folder} does not hold a saved model: {FILE} cannot be read: {reason(error)}") from error


def require_same_options(folder: Path, stored: Mapping[str, JsonValue], asked: Mapping[str, JsonValue]) -> None:
    """Check that a model in a folder was fitted with these options.

    Raises:
        SpecError: An option differs.
    """
    for name in sorted(asked.keys() | stored.keys()):
        if asked.get(name) != stored.get(name):
            raise SpecError(f"{folder} holds a model with {name}={stored.get(name)}, not {asked.get(name)}")


def _member(name: str) -> str:
    return f"{name}.npy"
