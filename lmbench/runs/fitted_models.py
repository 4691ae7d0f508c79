"""Fitted models in the user's cache, each under the key of everything that its fit depends on.

CACHE/models/KEY/entry.json   what it is, what its fit cost, and the SHA-256 of each file; touched at each use
CACHE/models/KEY/model/       what `Saveable.save` wrote
CACHE/models/KEY.lock         held while the entry is made, restored or removed: other processes wait

An entry appears and disappears by one rename. One that is damaged is made again. The least recently used entries are
removed if all together are larger than a limit. A cache that cannot be written is still read.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict

from lmbench.cache_folder import cache_folder
from lmbench.checksum import hash_file
from lmbench.corpus import TrainingText
from lmbench.errors import LmbenchError, ResultsError, describe, message_of
from lmbench.model import LanguageModel, Saveable
from lmbench.progress import SILENT, Progress
from lmbench.runs.libraries import import_libraries
from lmbench.runs.memory import peak_bytes
from lmbench.runs.sealed import read_sealed, write_sealed

LIMIT = 10 << 30
"""Bytes that all fitted models may take on disk together, by default."""

_ENTRY, _MODEL = "entry.json", "model"
_KEY = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = re.compile(rf"\.(?:new|old)-({_KEY.pattern})-")  # folders that killed processes leave


class Entry(BaseModel):
    """The record of a fitted model on disk.

    Attributes:
        format: The version of the entry's format.
        key: The key of the fit.
        model: The spec of the model.
        corpus: The name of the corpus that it was fitted on.
        created: When it was fitted, as an ISO 8601 time.
        fit_seconds: How long fitting took.
        peak_bytes: Peak resident memory of the process that fitted it.
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
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A fitted model in the store.

    Attributes:
        key: The key of the fit.
        size: Bytes on disk.
        used: When it was last used, in seconds since the epoch.
        entry: Its record; None if that is damaged, or of another version of lmbench.
    """

    key: str
    size: int
    used: float
    entry: Entry | None


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
        created: When it was fitted, as an ISO 8601 time, if it was restored and not fitted; else "".
    """

    fit_seconds: float
    peak_bytes: int
    created: str = ""

    @property
    def was_stored(self) -> bool:
        """Whether the model was restored and not fitted."""
        return bool(self.created)


class FittedModels:
    """The store of fitted models. Several processes may use it at the same time.

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
            return measure_fit(model, train)
        with self._waiting_for_lock(fit.key, progress) as obstacle:
            if stored := self._restore(model, fit.key, progress):
                return stored
            prepared = measure_fit(model, train)
            if obstacle:
                progress.notice(f"fitted models are not stored: {obstacle}")
                return prepared
            self._store(model, fit, prepared, progress)
        self.prune(self._limit)
        return prepared

    def list_models(self) -> list[StoredModel]:
        """Return the stored models, the last used one first. Damaged ones, which nobody can use, come last."""
        found = []
        for folder in self._folder.glob("*/"):
            if _KEY.fullmatch(folder.name):
                with suppress(OSError):  # another process has removed it
                    found.append(_describe_stored(folder))
        return sorted(found, key=lambda stored: (stored.entry is None, -stored.used))

    def prune(self, limit: int) -> list[StoredModel]:
        """Remove damaged models, and the least recently used ones until the others take at most `limit` bytes.

        Models that another process is using stay.

        Returns:
            The models that were removed.
        """
        self._remove_unfinished()
        kept, removed = 0, []
        for stored in self.list_models():
            is_superfluous = stored.entry is None or kept + stored.size > limit
            if is_superfluous and self._remove_unused(stored.key):
                removed.append(stored)
            else:
                kept += stored.size
        return removed

    def clear(self) -> list[StoredModel]:
        """Remove all models that no other process is using, and return them."""
        removed = self.prune(0)
        for lock in self._folder.glob("*.lock"):
            with self._lock_if_free(lock.stem) as is_locked:
                if is_locked:
                    lock.unlink(missing_ok=True)
        return removed

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return self._folder

    @contextmanager
    def _waiting_for_lock(self, key: str, progress: Progress) -> Iterator[str]:
        """Hold the lock of a fit. The context gets "", or why the folder cannot be written; then nothing is locked."""
        lock, obstacle = self._make_lock(key), ""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress("waiting for another process that fits the same model", 0.0)
                lock.acquire()
        except (OSError, NotImplementedError) as error:  # some network file systems have no locks
            obstacle = f"{self._folder}: {getattr(error, 'strerror', None) or error}"
        try:
            yield obstacle
        finally:
            lock.release()

    @contextmanager
    def _lock_if_free(self, key: str) -> Iterator[bool]:
        """Hold the lock of a fit, if no other process holds it and the folder can be written."""
        lock = self._make_lock(key)
        with suppress(OSError, NotImplementedError):  # Timeout is an OSError
            lock.acquire(timeout=0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _make_lock(self, key: str) -> FileLock:
        return FileLock(self._folder / f"{key}.lock")

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
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
            progress.notice(f"a stored model cannot be used, and is fitted again: {_explain(error)}")
            self._remove(key)
            return None
        with suppress(OSError):  # the cache may be read-only
            (folder / _ENTRY).touch()
        return Prepared(entry.fit_seconds, entry.peak_bytes, entry.created)

    def _store(self, model: Saveable, fit: Fit, prepared: Prepared, progress: Progress) -> None:
        """Store a fitted model. If that fails, say so: the model is fitted all the same."""
        progress("storing the fitted model", 1.0)
        try:
            with tempfile.TemporaryDirectory(prefix=f".new-{fit.key}-", dir=self._folder) as name:
                folder = Path(name) / fit.key
                (folder / _MODEL).mkdir(parents=True)
                model.save(folder / _MODEL)
                write_sealed(folder / _ENTRY, _describe(folder / _MODEL, fit, prepared))
                folder.rename(self._folder / fit.key)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
            progress.notice(f"the fitted {fit.model} is not stored: {_explain(error)}")

    def _remove_unused(self, key: str) -> bool:
        """Remove an entry unless another process is using it, and return whether it is removed."""
        with self._lock_if_free(key) as is_locked:
            return is_locked and self._remove(key)

    def _remove(self, key: str) -> bool:
        """Remove an entry whose lock is held: first from its place, so that it is whole or missing."""
        with suppress(OSError), tempfile.TemporaryDirectory(prefix=f".old-{key}-", dir=self._folder) as name:
            (self._folder / key).rename(Path(name) / key)
        return not (self._folder / key).exists()

    def _remove_unfinished(self) -> None:
        """Remove what killed processes have left: the folders whose locks are free."""
        for folder in self._folder.glob(".*-*/"):
            if found := _UNFINISHED.match(folder.name):
                with self._lock_if_free(found[1]) as is_locked:
                    if is_locked:
                        shutil.rmtree(folder, ignore_errors=True)


def _explain(error: BaseException) -> str:
    """Return what is wrong in one line. Only errors of plugins and libraries need the name of their type."""
    return message_of(error) if isinstance(error, LmbenchError) else describe(error)


def _hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): hash_file(file) for file in files}


def _describe_stored(folder: Path) -> StoredModel:
    """Return the entry in a folder.

    Raises:
        OSError: It is not there anymore.
    """
    entry = None
    with suppress(ResultsError):
        entry = read_sealed(Entry, folder / _ENTRY)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    used = (folder / _ENTRY if entry else folder).stat().st_mtime
    return StoredModel(folder.name, size, used, entry if entry and entry.key == folder.name else None)


def _describe(folder: Path, fit: Fit, prepared: Prepared) -> Entry:
    """Return the entry of a model that was saved in a folder."""
    return Entry(
        key=fit.key,
        model=fit.model,
        corpus=fit.corpus,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        fit_seconds=prepared.fit_seconds,
        peak_bytes=prepared.peak_bytes,
        files=_hash_files(folder),
    )


def prepare_model(
    model: LanguageModel, text: TrainingText | None, fit: Fit | None, progress: Progress
) -> Prepared | None:
    """Load a model's weights if it is pretrained. Otherwise restore it from the store, or fit it.

    Args:
        model: The model.
        text: The text to fit it on; ignored if it is pretrained.
        fit: What the store knows the fit by; None to fit it in any case.
        progress: Receives reports.

    Returns:
        What fitting it cost; None if it is pretrained.

    Raises:
        LmbenchError: The weights are missing, or the text does not suffice.
    """
    if model.traits.pretrained:
        model.prepare(None, progress)
        return None
    train = partial(model.prepare, text, progress)
    return measure_fit(model, train) if fit is None else FittedModels().prepare(model, fit, train, progress)


def measure_fit(model: LanguageModel, train: Callable[[], None]) -> Prepared:
    """Fit a model, and return what that cost, without the import of its libraries.

    Args:
        model: The model.
        train: Fits it.
    """
    import_libraries(model.traits.libraries)
    started = time.perf_counter()
    train()
    return Prepared(time.perf_counter() - started, peak_bytes())
