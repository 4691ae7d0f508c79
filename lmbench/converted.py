"""Models converted to another format, in the user's cache, so that each file is converted once.

CACHE/converted/KEY/contents.json   the model's name, and the size, time and SHA-256 of each file; touched at each use
CACHE/converted/KEY/model/          what the conversion wrote
CACHE/converted/KEY.lock            held while the entry is made, checked or removed: other processes wait
CACHE/converted/.KEY-*/             a conversion that is running, or was killed

An entry appears by one rename, so that it is whole or missing. One that is damaged is made again. It may be
removed while another process loads it, which then reports missing files. Weights that are loaded already stay.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from lmbench.cache_folder import cache_folder
from lmbench.checksum import hash_file
from lmbench.errors import UnavailableError
from lmbench.progress import Progress

_CONTENTS, _MODEL = "contents.json", "model"


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A converted model in the cache.

    Attributes:
        key: Its key.
        name: The name of the file that was converted; "" if the entry is damaged.
        size: Bytes on disk.
        used: When it was last used, in seconds since the epoch.
    """

    key: str
    name: str
    size: int
    used: float


class ConvertedModels:
    """The store of converted models. Several processes may use it at the same time.

    Args:
        folder: The folder; by default, in the user's cache.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / "converted"

    def find(self, key: str, name: str, convert: Callable[[Path], None], progress: Progress) -> Path:
        """Return the folder of a converted model. It is converted if it is not stored.

        Args:
            key: Identifies the original, and how it is converted.
            name: The name of the original, for lists.
            convert: Writes the converted model into the folder that it is given.
            progress: Receives reports.

        Raises:
            UnavailableError: The cache cannot be written.
        """
        place = self.folder / key
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._waiting_for_lock(key, progress):
                if not _is_whole(place):
                    self._make(place, name, convert)
                with suppress(OSError):  # another user's
                    (place / _CONTENTS).touch()
        except (OSError, NotImplementedError) as error:  # some network file systems do not lock files
            if isinstance(error, OSError) and error.errno is None:  # not the system's: a library's, about the original
                raise
            reason = getattr(error, "strerror", None) or error
            raise UnavailableError(
                f"'{name}' cannot be converted in {self.folder}: {reason}; LMBENCH_CACHE=FOLDER names another cache"
            ) from error
        return place / _MODEL

    def list_models(self) -> list[ConvertedModel]:
        """Return the converted models, the last used one first."""
        found = []
        for path in self.folder.glob(f"*/{_CONTENTS}"):
            with suppress(FileNotFoundError):  # another process removes it
                found.append(_describe(path.parent))
        return sorted(found, key=lambda model: -model.used)

    def clear(self) -> list[ConvertedModel]:
        """Remove all models that no other process is making or checking, and return them."""
        return [model for model in self.list_models() if self._remove_unused(model.key, self.folder / model.key)]

    def measure_unfinished(self) -> int:
        """Return the bytes of conversions that are running or were killed."""
        return sum(map(_measure, self._list_unfinished()))

    def clear_unfinished(self) -> int:
        """Remove what conversions left that were killed or failed, and return its bytes.

        Locks without a model are removed too. What another process is converting stays.
        """
        removed = 0
        for folder in self._list_unfinished():
            size = _measure(folder)
            if self._remove_unused(folder.name[1:].rpartition("-")[0], folder):
                removed += size
        for lock in self.folder.glob("*.lock"):
            if not (self.folder / lock.stem).exists():
                self._remove_unused(lock.stem)
        return removed

    def _list_unfinished(self) -> list[Path]:
        return list(self.folder.glob(".*-*"))

    def _make(self, place: Path, name: str, convert: Callable[[Path], None]) -> None:
        """Convert a model whose lock is held."""
        for left in (place, *self.folder.glob(f".{place.name}-*")):  # damaged, or left by killed processes
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=self.folder) as temporary:
            unfinished = Path(temporary) / place.name
            (unfinished / _MODEL).mkdir(parents=True)
            convert(unfinished / _MODEL)
            contents = {"name": name, "files": _record_files(unfinished / _MODEL)}
            (unfinished / _CONTENTS).write_text(json.dumps(contents))
            unfinished.rename(place)

    @contextmanager
    def _waiting_for_lock(self, key: str, progress: Progress) -> Iterator[None]:
        lock = FileLock(self.folder / f"{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress("waiting for another process that converts the same model", 0.0)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _remove_unused(self, key: str, *folders: Path) -> bool:
        """Remove a lock and the folders that it guards, unless another process holds it, and return whether it did."""
        with suppress(OSError, NotImplementedError), FileLock(self.folder / f"{key}.lock", timeout=0) as lock:
            for folder in folders:
                shutil.rmtree(folder)
            Path(lock.lock_file).unlink(missing_ok=True)
            return True
        return False


def _is_whole(place: Path) -> bool:
    """Return whether an entry is there, and holds what was written."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        files = json.loads((place / _CONTENTS).read_text())["files"]
        found = {path.name: path for path in (place / _MODEL).iterdir()}
        return files.keys() == found.keys() and all(_is_unchanged(path, files[name]) for name, path in found.items())
    return False


def _is_unchanged(path: Path, recorded: Mapping[str, object]) -> bool:
    """Return whether a file is as it was. Its bytes are read only if its size or time differs, as after a copy."""
    return _stamp(path) == recorded["stamp"] or hash_file(path) == recorded["sha256"]


def _record_files(folder: Path) -> dict[str, dict[str, object]]:
    return {path.name: {"stamp": _stamp(path), "sha256": hash_file(path)} for path in sorted(folder.iterdir())}


def _stamp(path: Path) -> list[int]:
    """Return the size of a file and when it was written, in nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _describe(place: Path) -> ConvertedModel:
    name = ""
    with suppress(OSError, ValueError, LookupError, TypeError):
        name = str(json.loads((place / _CONTENTS).read_text())["name"])
    return ConvertedModel(place.name, name, _measure(place), (place / _CONTENTS).stat().st_mtime)


def _measure(folder: Path) -> int:
    """Return the bytes of the files in a folder, from which another process may remove some."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size if path.is_file() else 0
    return size
