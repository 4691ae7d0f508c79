"""The memory of this machine."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def usable_memory() -> int:
    """Return how many bytes of memory this process may use, by the machine and the limits of its control group."""
    return min(_physical_memory(), _group_limit())


def _physical_memory() -> int:
    if sys.platform == "win32":
        return sys.maxsize
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _group_limit() -> int:
    """Return the limit of the process's control group, such as a container's."""
    with suppress(OSError, ValueError):  # there is none: "max"
        return int(_GROUP_LIMIT.read_text())
    return sys.maxsize
