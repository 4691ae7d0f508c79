"""The memory of processes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def peak_bytes() -> int:
    """Return the peak resident memory of this process.

    On Linux this is VmHWM, since ru_maxrss of getrusage also counts the process that started this one. Elsewhere it is
    ru_maxrss, which macOS gives in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident_bytes(process: psutil.Process, others: Iterable[psutil.Process]) -> int:
    """Return the resident memory of a process and of others that it has started.

    On Linux, memory that the others share is divided among those that share it: a process that was forked shares
    nearly all of it. Processes that have ended count nothing.
    """
    total = 0
    with suppress(psutil.Error):
        total += process.memory_info().rss
    for other in others:
        with suppress(psutil.Error):
            memory = other.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return total
