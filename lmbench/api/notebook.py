"""Whether this program is a notebook."""

from __future__ import annotations

import sys


def is_notebook() -> bool:
    """Return whether a Jupyter kernel runs this program, so that HTML can be shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
