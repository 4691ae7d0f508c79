"""Verified downloads into the user's cache, which stores each file under its own SHA-256."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

from lmbench.cache_folder import cache_folder
from lmbench.checksum import hash_file
from lmbench.errors import CorpusError, UnavailableError
from lmbench.progress import SILENT, Progress

if TYPE_CHECKING:  # slow to import: a run that downloads nothing must not wait for it
    import requests

T = TypeVar("T")

LARGEST = 1 << 30
"""Size in bytes of the largest file that is downloaded if its size is unknown."""

_TIMEOUT = (10, 60)  # seconds to connect, and without a byte
_PATIENCE = 60.0  # seconds for the headers, and for each piece: a server that sends less than 1 KiB/s is given up on
_PIECE = 1 << 16  # bytes


def cache_path(sha256: str) -> Path:
    """Return the path of the file with this SHA-256 in the cache, whether it exists or not."""
    return cache_folder() / "files" / sha256[:2] / sha256


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        CorpusError: The file cannot be read.
    """
    try:
        return hash_file(path)
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def download(urls: Iterable[str], sha256: str, progress: Progress = SILENT, size: int = LARGEST) -> Path:
    """Download a file into the cache, unless it is already there, and return its path.

    An interrupted download is resumed. Two processes never download the same file at the same time.

    Args:
        urls: The file's addresses; they are tried in order.
        sha256: The file's SHA-256, in hexadecimal.
        progress: Receives reports of the download.
        size: The file's size in bytes, or a bound on it. A server that sends more is given up on.

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
                request = _Request(sha256, size, target.with_suffix(".partial"), progress)
                _download_verified(urls, request).replace(target)
                target.with_suffix(".partial").unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space and try again: the download resumes" if full else "LMBENCH_CACHE sets another folder"
        raise UnavailableError(f"cannot write {error.filename or target}: {error.strerror}; {hint}") from error
    return target


def _check_online(urls: Iterable[str]) -> None:
    if os.environ.get("LMBENCH_OFFLINE"):
        raise UnavailableError(f"{next(iter(urls), 'a file')} is not on this machine, and --offline downloads nothing")


@dataclass(frozen=True, slots=True)
class _Request:
    """A file to download, from any address.

    Attributes:
        sha256: Its SHA-256.
        size: Its size in bytes, or a bound on it.
        partial: The path of what has arrived so far.
        progress: Receives reports.
    """

    sha256: str
    size: int
    partial: Path
    progress: Progress


def _download_verified(urls: Iterable[str], request: _Request) -> Path:
    """Return the path of the verified file, downloaded from the first address that serves it."""
    import requests
    import urllib3

    sha256 = request.sha256
    failures: list[str] = []
    mismatch = False
    for url in urls:
        try:
            path, found = _download_from(url, request)
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, TimeoutError) as error:
            failures.append(f"{url} ({_summarize(error)})")
            continue
        if found == sha256:
            return path
        size = path.stat().st_size
        path.unlink()
        mismatch = True
        reason = f"more than {request.size:,} bytes" if size > request.size else f"sha256 {found[:12]}…"
        failures.append(f"{url} (another file: {reason}, expected {sha256[:12]}…; it was deleted)")
    raise (CorpusError if mismatch else UnavailableError)(f"cannot download {'; '.join(failures)}")


def _download_from(url: str, request: _Request) -> tuple[Path, str]:
    """Download the file at one address, resuming the partial file; return its path and its SHA-256."""
    partial = request.partial
    resumed = partial.exists()
    path = _download_rest(url, request)
    found = compute_sha256(path)
    if resumed and path == partial and found != request.sha256:  # it may have been another file's beginning
        partial.unlink()
        path = _download_rest(url, request)
        found = compute_sha256(path)
    return path, found


def _download_rest(url: str, request: _Request) -> Path:
    """Download what the partial file lacks. If the server does not serve ranges, download everything to another path.

    The download stops if more arrives than expected.
    """
    import requests

    partial = request.partial
    present = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={present}-"} if present else {})
    # The thread lets waiting for a server end at any time.
    with requests.Session() as session, ThreadPool(1) as thread:
        response = _wait(thread, lambda: session.get(url, headers=headers, stream=True, timeout=_TIMEOUT))
        with _closing(response):
            if present and response.status_code == requests.codes.requested_range_not_satisfiable:
                return partial  # it is complete
            response.raise_for_status()
            resumes = response.status_code == requests.codes.partial_content
            path = partial if resumes or not present else partial.with_suffix(".whole")
            done = present if resumes else 0
            total = _total(response, done)
            pieces = response.iter_content(_PIECE)
            with path.open("ab" if resumes else "wb") as file:
                while done <= request.size and (piece := _wait(thread, lambda: next(pieces, b""))):
                    file.write(piece[: request.size + 1 - done])
                    done += len(piece)
                    request.progress.received(url, done, total)
    return path


@contextmanager
def _closing(response: requests.Response) -> Iterator[None]:
    """Close the response in the end, even if another thread still waits for it."""
    try:
        yield
    except (TimeoutError, KeyboardInterrupt):
        with suppress(RuntimeError, ValueError):  # the other thread has just received everything
            response.raw.shutdown()
        raise
    finally:
        response.close()


def _wait(thread: ThreadPool, receive: Callable[[], T]) -> T:
    """Return what `receive` returns.

    Raises:
        TimeoutError: It takes too long. The thread is abandoned, and ends with the process at the latest.
    """
    try:
        return thread.apply_async(receive).get(_PATIENCE)
    except multiprocessing.TimeoutError:
        raise TimeoutError from None


def _total(response: requests.Response, done: int) -> int | None:
    """Return the size of the whole file, if the server gives it."""
    length = response.headers.get("Content-Length", "")
    return done + int(length) if re.fullmatch("[0-9]{1,18}", length) else None


def _summarize(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"less than {_PIECE // 1024} KiB in {_PATIENCE:.0f} seconds"
    response = getattr(error, "response", None)
    return f"HTTP {response.status_code}" if response is not None else type(error).__name__
