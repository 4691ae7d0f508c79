"""The entry points of installed packages, and which package registers each of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PackageEntry:
    """An entry point of a package.

    Attributes:
        point: The entry point.
        origin: The distribution that registers it.
        version: That distribution's version.
    """

    point: EntryPoint
    origin: str
    version: str


def list_entries(group: str) -> tuple[PackageEntry, ...]:
    """Return the entry points of a group.

    The metadata of hundreds of packages take long to read, so they are read again only if `sys.path` or one of its
    folders has changed since.
    """
    return _read_entries(group, tuple((place, _state_of(place)) for place in sys.path))


@lru_cache(maxsize=8)
def _read_entries(group: str, places: tuple[tuple[str, tuple[int, ...]], ...]) -> tuple[PackageEntry, ...]:
    """Read the entry points of a group. `places` says when they were read."""
    return tuple(
        PackageEntry(point, *((point.dist.name, point.dist.version) if point.dist else ("unknown", "?")))
        for point in entry_points(group=group)
    )


def _state_of(place: str) -> tuple[int, ...]:
    """Return what changes if packages are installed or removed in a folder; nothing if it does not exist."""
    try:
        found = Path(place).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns
