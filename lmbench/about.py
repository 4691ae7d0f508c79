"""The installed distribution: its name and version."""

from __future__ import annotations

DISTRIBUTION_NAME = "lmbench-suite"
"""The name on package indexes; there, ``lmbench`` is another project."""

CITATION = (
    "The lmbench developers. lmbench: classical and neural language models in one honest table. "
    "https://github.com/lmbench-suite/lmbench"
)
"""How to cite lmbench, without the version; CITATION.cff says the same."""


def own_version() -> str:
    """Return lmbench's own version."""
    from importlib.metadata import version  # not at the top: `lmbench --help` must be quick

    return version(DISTRIBUTION_NAME)
