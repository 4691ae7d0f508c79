"""Where the corpora that come with lmbench are."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def embedded_folder() -> Path:
    """The folder of the embedded corpora: beside the package in a checkout, inside it when installed from a wheel."""
    installed = _PACKAGE / "embedded"
    return installed if installed.is_dir() else _PACKAGE.parent / "corpora"
