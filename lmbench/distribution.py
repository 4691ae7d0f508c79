"""The name under which package indexes know lmbench: ``lmbench`` itself belongs to another project there."""

from __future__ import annotations

NAME = "lmbench-suite"


def own_version() -> str:
    """Return lmbench's own version."""
    from importlib.metadata import version  # not at the top: `lmbench --help` must be quick

    return version(NAME)
