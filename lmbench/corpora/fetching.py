"""The catalog's files on this machine: in a mirror folder, in the cache, or downloaded into it."""

from __future__ import annotations

import os
from pathlib import Path

from lmbench.corpora.catalog import CatalogEntry, CatalogFile
from lmbench.corpora.download import LARGEST, cache_path, compute_sha256, download
from lmbench.errors import CorpusError, UnavailableError
from lmbench.progress import SILENT, Progress

MIRROR = "LMBENCH_MIRROR"
"""The environment variable that names a folder with the catalog's files."""


def is_local(entry: CatalogEntry) -> bool:
    """Return whether all files are on this machine. They are verified only when they are read."""
    return all(find_file(file) is not None for file in entry.files)


def find_file(file: CatalogFile) -> Path | None:
    """Return the path of a file on this machine, unverified; None if it is not there.

    Raises:
        CorpusError: The mirror is not a folder.
    """
    cached = cache_path(file.sha256)
    return _find_in_mirror(file) or (cached if cached.is_file() else None)


def fetch_file(entry: CatalogEntry, file: CatalogFile, progress: Progress = SILENT) -> Path:
    """Return the path of a verified file of the entry. It is downloaded into the cache if it is not on this machine.

    Raises:
        CorpusError: The mirror or the addresses have another file.
        UnavailableError: The file cannot be downloaded.
    """
    if mirrored := _find_in_mirror(file):
        _verify_mirrored(mirrored, file)
        return mirrored
    cached = cache_path(file.sha256)
    if cached.is_file():
        if compute_sha256(cached) == file.sha256:
            return cached
        cached.unlink()  # the disk has corrupted it
    try:
        return download(entry.urls(file), file.sha256, progress, file.bytes or LARGEST)
    except UnavailableError as error:
        raise UnavailableError(f"{error}; you can also set {MIRROR} to a folder that holds {file.path}") from error


def _find_in_mirror(file: CatalogFile) -> Path | None:
    if not (mirror := os.environ.get(MIRROR)):
        return None
    folder = Path(os.path.expanduser(mirror))  # noqa: PTH111  (Path.expanduser raises for an unknown user)
    if not folder.is_dir():
        raise CorpusError(f"{MIRROR} names '{mirror}', which is not a folder")
    path = folder / file.path
    return path if path.is_file() else None


def _verify_mirrored(path: Path, file: CatalogFile) -> None:
    found = compute_sha256(path)
    if found != file.sha256:
        raise CorpusError(
            f"{path} is not the catalog's file: sha256 {found[:12]}…, expected {file.sha256[:12]}…; delete it"
        )
