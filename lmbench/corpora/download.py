"""Downloads into the user's cache: resumed, verified, whole or not at all, each file under its own sha256."""

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

if TYPE_CHECKING:  # imported where something is downloaded: a run that downloads nothing must not wait for it
    import requests

_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces
_PIECE = 1 << 18


def cached(sha256: str) -> Path:
    """Where the file with this sha256 is kept, whether it is there or not."""
    return platformdirs.user_cache_path("lmbench") / "files" / sha256[:2] / sha256


def sha256_of(path: Path) -> str:
    """The file's sha256, in hexadecimal. Raises CorpusError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def download(urls: Iterable[str], sha256: str, progress: Progress = SILENT) -> Path:
    """The cached file with this sha256, from the first address that gives it.

    What an interrupted download left is gone on with. Raises UnavailableError where no address can be reached or the
    cache cannot be written, and CorpusError where what they give is another file.
    """
    target = cached(sha256)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            if not target.is_file():  # another process may have brought it meanwhile
                _refuse_offline(urls)
                _bring(urls, sha256, target, progress).replace(target)
                target.with_suffix(".partial").unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "make room and repeat it: what has arrived is kept" if full else "XDG_CACHE_HOME can name another folder"
        raise UnavailableError(f"cannot write {error.filename or target}: {error.strerror}; {hint}") from error
    return target


def _refuse_offline(urls: Iterable[str]) -> None:
    """Raises UnavailableError where lmbench was told not to download."""
    if os.environ.get("LMBENCH_OFFLINE"):
        raise UnavailableError(f"{next(iter(urls), 'a file')} is not on this machine, and --offline downloads nothing")


def _bring(urls: Iterable[str], sha256: str, target: Path, progress: Progress) -> Path:
    """A file with this sha256, which was brought to a place beside `target`."""
    import requests

    partial = target.with_suffix(".partial")
    failures: list[str] = []
    others = False
    for url in urls:
        resumed = partial.exists()
        try:
            place = _receive(url, partial, progress)
            found = sha256_of(place)
            if resumed and place == partial and found != sha256:  # its beginning may have been another file's
                partial.unlink()
                place = _receive(url, partial, progress)
                found = sha256_of(place)
        except requests.RequestException as error:
            failures.append(f"{url} ({_reason(error)})")
            continue
        if found == sha256:
            return place
        place.unlink()
        others = True
        failures.append(f"{url} (another file: sha256 {found[:12]}…, expected {sha256[:12]}…; it was not kept)")
    raise (CorpusError if others else UnavailableError)(f"cannot download {'; '.join(failures)}")


def _receive(url: str, partial: Path, progress: Progress) -> Path:
    """Download what `partial` still lacks; where the server gives no ranges, the whole, to a place of its own."""
    import requests

    here = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if here and response.status_code == requests.codes.requested_range_not_satisfiable:
            return partial  # nothing is left to download
        response.raise_for_status()
        goes_on = response.status_code == requests.codes.partial_content
        place = partial if goes_on or not here else partial.with_suffix(".whole")
        done = here if goes_on else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with place.open("ab" if goes_on else "wb") as file:
            for piece in response.iter_content(_PIECE):
                file.write(piece)
                done += len(piece)
                progress.received(url, done, total)
    return place


def _reason(error: requests.RequestException) -> str:
    return f"HTTP {error.response.status_code}" if error.response is not None else type(error).__name__
