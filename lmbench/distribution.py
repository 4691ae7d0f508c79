"""The name under which package indexes know lmbench: ``lmbench`` itself belongs to another project there."""

from __future__ import annotations

from importlib.metadata import version

NAME = "lmbench-suite"


def own_version() -> str:
    """Return lmbench's own version."""
    return version(NAME)
