"""The catalog's files on this machine: beside the user's own catalog, in a mirror or the cache, or downloaded."""

from __future__ import annotations

import os
from pathlib import Path

from lmbench.corpora.catalog import CatalogEntry, CatalogFile, own_catalog
from lmbench.corpora.download import LARGEST, cache_path, compute_sha256, download
from lmbench.errors import CorpusError, UnavailableError
from lmbench.printable import printable
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
    return _find_in_folders(file) or (cached if cached.is_file() else None)


def fetch_file(entry: CatalogEntry, file: CatalogFile, progress: Progress = SILENT) -> Path:
    """Return the path of a verified file of the entry. It is downloaded into the cache if it is not on this machine.

    Raises:
        CorpusError: A folder or an address has another file, or the file is missing and does not have an address.
        UnavailableError: The file cannot be downloaded.
    """
    if found := _find_in_folders(file):
        _verify(found, file)
        return found
    cached = cache_path(file.sha256)
    if cached.is_file():
        if compute_sha256(cached) == file.sha256:
            return cached
        cached.unlink()  # the disk has corrupted it
    if not (file.urls or entry.base):
        raise CorpusError(
            f"{printable(file.path)} is not in {own_catalog().parent}, the folder of your catalog, which does not give "
            "an address for it"
        )
    try:
        return download(entry.urls(file), file.sha256, progress, file.bytes or LARGEST)
    except UnavailableError as error:
        raise UnavailableError(f"{error}; you can also set {MIRROR} to a folder that holds {file.path}") from error


def _find_in_folders(file: CatalogFile) -> Path | None:
    """Return the path of a file in the folder of the user's own catalog, or in the mirror; None if it is in neither."""
    folders = [own_catalog().parent]
    if mirror := os.environ.get(MIRROR):
        folders.append(Path(os.path.expanduser(mirror)))  # noqa: PTH111  (Path.expanduser raises for an unknown user)
        if not folders[-1].is_dir():
            raise CorpusError(f"{MIRROR} names '{mirror}', which is not a folder")
    return next((path for folder in folders if (path := folder / file.path).is_file()), None)


def _verify(path: Path, file: CatalogFile) -> None:
    found = compute_sha256(path)
    if found != file.sha256:
        raise CorpusError(
            f"{path} is not the catalog's file: its sha256 is {found}, not {file.sha256}; delete it, or correct the "
            "sha256 in your own catalog"
        )
