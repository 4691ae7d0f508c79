"""Fitted models in the user's cache, each under the key of everything that its fit depends on.

CACHE/models/KEY/entry.json   what it is, what its fit cost, and the SHA-256 of each file
CACHE/models/KEY/model/       what `Saveable.save` wrote
CACHE/models/KEY.lock         held while it is made: other processes wait and do not fit it again

An entry appears by one rename. One that is damaged is made again. The least recently used entries are removed if all
together are larger than a limit.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from lmbench.cache_folder import cache_folder
from lmbench.errors import LmbenchError, ResultsError, describe
from lmbench.model import LanguageModel, Saveable
from lmbench.progress import SILENT, Progress
from lmbench.runs.sealed import read_sealed, write_sealed
from lmbench.runs.worker import peak_bytes

LIMIT = 10 << 30
"""Bytes that all fitted models may take on disk together, by default."""

_ENTRY, _MODEL = "entry.json", "model"
_STALE = 24 * 3600.0  # seconds after which a folder that was not completed is removed


class Entry(BaseModel):
    """A fitted model on disk.

    Attributes:
        format: The version of the entry's format.
        key: The key of the fit.
        model: The spec of the model.
        corpus: The name of the corpus that it was fitted on.
        created: When it was fitted, as an ISO 8601 time.
        fit_seconds: How long fitting took.
        peak_bytes: Peak resident memory of the process that fitted it.
        size: Bytes on disk.
        files: The SHA-256 of each file of the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    key: str
    model: str
    corpus: str
    created: str
    fit_seconds: float
    peak_bytes: int
    size: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fit that may be stored.

    Attributes:
        key: Its key.
        model: The spec of the model.
        corpus: The name of the corpus.
    """

    key: str
    model: str
    corpus: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What fitting a model cost, now or when it was stored.

    Attributes:
        fit_seconds: Wall-clock seconds of fitting.
        peak_bytes: Peak resident memory of the process that fitted it.
        was_stored: Whether the model was restored and not fitted.
    """

    fit_seconds: float
    peak_bytes: int
    was_stored: bool


class FittedModels:
    """The store of fitted models.

    Args:
        folder: The folder; by default, in the user's cache.
        limit: Bytes that all models may take together.
    """

    def __init__(self, folder: Path | None = None, limit: int = LIMIT) -> None:
        self._folder, self._limit = folder or cache_folder() / "models", limit

    def prepare(
        self, model: LanguageModel, fit: Fit, train: Callable[[], None], progress: Progress = SILENT
    ) -> Prepared:
        """Restore a model if it is stored. Otherwise fit it, and store it if it can be saved.

        Args:
            model: The model, not fitted yet.
            fit: The fit.
            train: Fits the model.
            progress: Receives reports.
        """
        if not isinstance(model, Saveable):
            return measure_fit(train)
        try:
            with self._locked(fit.key, progress):
                stored = self._restore(model, fit.key, progress)
                if stored is not None:
                    return stored
                prepared = measure_fit(train)
                self._store(model, fit, prepared, progress)
                return prepared
        except _UnusableError as error:
            progress.notice(f"fitted models are not stored: {error}")
            return measure_fit(train)

    def entries(self) -> list[tuple[Entry, float]]:
        """Return the stored models, each with the time of its last use in seconds since the epoch, latest first."""
        found = []
        for folder in self._folder.glob("*/"):
            with suppress(ResultsError, OSError):
                entry = read_sealed(Entry, folder / _ENTRY)
                found.append((entry, (folder / _ENTRY).stat().st_mtime))
        return sorted(found, key=lambda pair: -pair[1])

    def prune(self, limit: int) -> list[Entry]:
        """Remove the least recently used models until the others take at most `limit` bytes; return those removed."""
        self._remove_stale()
        kept, removed = 0, []
        for entry, _ in self.entries():
            kept += entry.size
            if kept > limit:
                removed.append(entry)
                kept -= entry.size
                self._remove(entry.key)
        return removed

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return self._folder

    @contextmanager
    def _locked(self, key: str, progress: Progress) -> Iterator[None]:
        lock = FileLock(self._folder / f"{key}.lock")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with suppress(TimeoutError):
                lock.acquire(timeout=0)
            if not lock.is_locked:
                progress("waiting for another process that fits the same model", 0.0)
                lock.acquire()
        except OSError as error:
            raise _UnusableError(f"{self._folder}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    def _restore(self, model: Saveable, key: str, progress: Progress) -> Prepared | None:
        """Restore the model from its entry; None if there is none, or it was damaged and is removed now."""
        folder = self._folder / key
        if not folder.is_dir():
            return None
        progress("restoring the fitted model", 0.0)
        try:
            entry = read_sealed(Entry, folder / _ENTRY)
            if entry.key != key or _hash_files(folder / _MODEL) != entry.files:
                raise ResultsError("its checksums are not those of its contents")
            model.restore(folder / _MODEL)
            (folder / _ENTRY).touch()
        except (LmbenchError, OSError) as error:
            progress.notice(f"a stored model is damaged, and is fitted again: {error}")
            self._remove(key)
            return None
        return Prepared(entry.fit_seconds, entry.peak_bytes, was_stored=True)

    def _store(self, model: Saveable, fit: Fit, prepared: Prepared, progress: Progress) -> None:
        """Store a fitted model. If that fails, say so: the model is fitted all the same."""
        progress("storing the fitted model", 1.0)
        try:
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self._folder) as name:
                folder = Path(name) / fit.key
                (folder / _MODEL).mkdir(parents=True)
                model.save(folder / _MODEL)
                write_sealed(folder / _ENTRY, _describe(folder / _MODEL, fit, prepared))
                folder.rename(self._folder / fit.key)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
            progress.notice(f"the fitted {fit.model} is not stored: {describe(error)}")
        self.prune(self._limit)

    def _remove(self, key: str) -> None:
        """Remove an entry: first from its place, so that it is whole or missing, and then from the disk."""
        with suppress(OSError), tempfile.TemporaryDirectory(prefix=".old-", dir=self._folder) as name:
            (self._folder / key).rename(Path(name) / key)

    def _remove_stale(self) -> None:
        """Remove what killed processes have left."""
        for folder in (*self._folder.glob(".new-*"), *self._folder.glob(".old-*")):
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > _STALE:
                    shutil.rmtree(folder, ignore_errors=True)


class _UnusableError(LmbenchError):
    """The store cannot be written."""


def _hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    digests = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as opened:
                digests[str(file.relative_to(folder))] = hashlib.file_digest(opened, "sha256").hexdigest()
    return digests


def _describe(folder: Path, fit: Fit, prepared: Prepared) -> Entry:
    """Return the entry of a model that was saved in a folder."""
    return Entry(
        key=fit.key,
        model=fit.model,
        corpus=fit.corpus,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        fit_seconds=prepared.fit_seconds,
        peak_bytes=prepared.peak_bytes,
        size=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        files=_hash_files(folder),
    )


def measure_fit(train: Callable[[], None]) -> Prepared:
    """Fit a model, and return what that cost."""
    started = time.perf_counter()
    train()
    return Prepared(time.perf_counter() - started, peak_bytes(), was_stored=False)
