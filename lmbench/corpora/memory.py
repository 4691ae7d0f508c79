"""The limit on texts that are held in memory."""

from __future__ import annotations

import sys

from lmbench.errors import CorpusError
from lmbench.machine_memory import usable_memory

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


def format_size(size: int) -> str:
    """Return a number of bytes in human-readable form: ``1.5 GiB``."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.1f} {unit}"
    return f"{size} bytes"


def _process_limit() -> int:
    """Return the limit that `ulimit -v` sets."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
