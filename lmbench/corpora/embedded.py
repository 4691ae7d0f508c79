"""The folder of the corpora that come with lmbench."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def embedded_folder() -> Path:
    """Return the folder of the embedded corpora: inside the installed package, or at the root of a checkout."""
    installed = _PACKAGE / "embedded"
    return installed if installed.is_dir() else _PACKAGE.parent / "corpora"
