"""The installed distribution: its name and version."""

from __future__ import annotations

DISTRIBUTION_NAME = "lmbench-suite"
"""The name on package indexes; there, ``lmbench`` is another project."""


def own_version() -> str:
    """Return lmbench's own version."""
    from importlib.metadata import version  # not at the top: `lmbench --help` must be quick

    return version(DISTRIBUTION_NAME)
