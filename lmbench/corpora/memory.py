"""The limit on texts that are held in memory."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from lmbench.errors import CorpusError

_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SHARE = 8  # decoded, cut into documents and joined, a text needs several times its size


def check_fits(size: int, name: str) -> None:
    """Check that a text of `size` bytes, or more, can be held in memory.

    Args:
        size: Number of bytes, as far as it is known.
        name: What has this size, for errors.

    Raises:
        CorpusError: It is larger than an eighth of the memory that this process may use.
    """
    limit = largest_text()
    if size > limit:
        raise CorpusError(
            f"{name} has at least {format_size(size)}, and this machine's memory allows {format_size(limit)} at once; "
            "divide it into smaller files or documents"
        )


def largest_text() -> int:
    """Return the number of bytes of the largest text that is held in memory."""
    return min(usable_memory(), _process_limit()) // _SHARE


def usable_memory() -> int:
    """Return how many bytes of memory this process may use, by the machine and the limits of its control group."""
    return min(_machine_memory(), _group_limit())


def format_size(size: int) -> str:
    """Return a number of bytes in human-readable form: ``1.5 GiB``."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.1f} {unit}"
    return f"{size} bytes"


def _machine_memory() -> int:
    if sys.platform == "win32":
        return sys.maxsize
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _process_limit() -> int:
    """Return the limit that `ulimit -v` sets."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def _group_limit() -> int:
    """Return the limit of the process's control group, such as a container's."""
    with suppress(OSError, ValueError):  # there is none: "max"
        return int(_GROUP_LIMIT.read_text())
    return sys.maxsize
