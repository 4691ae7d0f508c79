"""Verified downloads into the user's cache, which stores each file under its own SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from lmbench.errors import CorpusError, UnavailableError
from lmbench.progress import SILENT, Progress

if TYPE_CHECKING:  # slow to import: a run that downloads nothing must not wait for it
    import requests

_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces
_PIECE = 1 << 18  # bytes


def cache_path(sha256: str) -> Path:
    """Return the path of the file with this SHA-256 in the cache, whether it exists or not."""
    return platformdirs.user_cache_path("lmbench") / "files" / sha256[:2] / sha256


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        CorpusError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def download(urls: Iterable[str], sha256: str, progress: Progress = SILENT) -> Path:
    """Download a file into the cache, unless it is already there, and return its path.

    An interrupted download is resumed. Two processes never download the same file at the same time.

    Args:
        urls: The file's addresses; they are tried in order.
        sha256: The file's SHA-256, in hexadecimal.
        progress: Receives reports of the download.

    Raises:
        UnavailableError: No address can be reached, lmbench is offline, or the cache cannot be written.
        CorpusError: The addresses serve another file.
    """
    target = cache_path(sha256)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            if not target.is_file():  # another process may have downloaded it while this one waited
                _check_online(urls)
                _download_verified(urls, sha256, target, progress).replace(target)
                target.with_suffix(".partial").unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space and try again: the download resumes" if full else "XDG_CACHE_HOME sets another folder"
        raise UnavailableError(f"cannot write {error.filename or target}: {error.strerror}; {hint}") from error
    return target


def _check_online(urls: Iterable[str]) -> None:
    if os.environ.get("LMBENCH_OFFLINE"):
        raise UnavailableError(f"{next(iter(urls), 'a file')} is not on this machine, and --offline downloads nothing")


def _download_verified(urls: Iterable[str], sha256: str, target: Path, progress: Progress) -> Path:
    """Return a file with this SHA-256, downloaded to a temporary path next to `target`."""
    import requests

    partial = target.with_suffix(".partial")
    failures: list[str] = []
    mismatch = False
    for url in urls:
        try:
            path, found = _download_from(url, sha256, partial, progress)
        except requests.RequestException as error:
            failures.append(f"{url} ({_summarize(error)})")
            continue
        if found == sha256:
            return path
        path.unlink()
        mismatch = True
        failures.append(f"{url} (another file: sha256 {found[:12]}…, expected {sha256[:12]}…; it was deleted)")
    raise (CorpusError if mismatch else UnavailableError)(f"cannot download {'; '.join(failures)}")


def _download_from(url: str, sha256: str, partial: Path, progress: Progress) -> tuple[Path, str]:
    """Download the file at one address, resuming `partial`; return its path and its SHA-256."""
    resumed = partial.exists()
    path = _download_rest(url, partial, progress)
    found = compute_sha256(path)
    if resumed and path == partial and found != sha256:  # the partial file may have been another file's beginning
        partial.unlink()
        path = _download_rest(url, partial, progress)
        found = compute_sha256(path)
    return path, found


def _download_rest(url: str, partial: Path, progress: Progress) -> Path:
    """Download what `partial` lacks. If the server does not serve ranges, download everything to another path."""
    import requests

    present = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={present}-"} if present else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if present and response.status_code == requests.codes.requested_range_not_satisfiable:
            return partial  # it is complete
        response.raise_for_status()
        resumes = response.status_code == requests.codes.partial_content
        path = partial if resumes or not present else partial.with_suffix(".whole")
        done = present if resumes else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with path.open("ab" if resumes else "wb") as file:
            for piece in response.iter_content(_PIECE):
                file.write(piece)
                done += len(piece)
                progress.received(url, done, total)
    return path


def _summarize(error: requests.RequestException) -> str:
    return f"HTTP {error.response.status_code}" if error.response is not None else type(error).__name__
