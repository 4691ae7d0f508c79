"""Write files and folders completely or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lmbench.errors import ResultsError


def write(path: Path, data: bytes) -> None:
    """Write a file, or replace the one that is there.

    Raises:
        ResultsError: The file cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` once it is complete. Its folder is created if needed.

    Raises:
        ResultsError: The file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # the folder may have been removed
            partial.unlink(missing_ok=True)


def write_new(path: Path, create: Callable[[Path], None]) -> list[Path]:
    """Write a new file or folder. Nothing appears at `path` before everything is written.

    Args:
        path: The file or folder.
        create: Writes it to the path that it is given. It may write other files next to it.

    Returns:
        The paths that were written. `path` is the last one.

    Raises:
        ResultsError: A path is taken, or cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".lmbench-", dir=path.absolute().parent) as folder:
            unfinished = Path(folder) / path.name
            create(unfinished)
            parts = sorted(Path(folder).iterdir(), key=lambda part: (part == unfinished, part))
            return _move(parts, path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error


def check_free(path: Path) -> None:
    """Check that nothing is at `path`.

    Raises:
        ResultsError: Something is.
    """
    if path.exists() or path.is_symlink():
        raise ResultsError(f"{path} already exists; remove it or choose another path")


def _move(parts: list[Path], folder: Path) -> list[Path]:
    places = [folder / part.name for part in parts]
    for place in places:
        check_free(place)
    for part, place in zip(parts, places, strict=True):
        part.rename(place)
    return places


def _cannot_write(path: Path, error: OSError) -> ResultsError:
    return ResultsError(f"cannot write {path}: {error.strerror or error}")
