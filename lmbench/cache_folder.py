"""The user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of everything that lmbench can make or download again.

    The environment variable LMBENCH_CACHE names another one.
    """
    import platformdirs  # not at the top: `lmbench --help` must be quick

    named = os.environ.get("LMBENCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("lmbench")


def answers_file() -> Path:
    """Return the file with the answers of servers."""
    return cache_folder() / "answers.sqlite"
