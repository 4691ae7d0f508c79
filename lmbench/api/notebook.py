"""Whether this program is a notebook, and what notebooks need."""

from __future__ import annotations

import sys


def is_notebook() -> bool:
    """Return whether a Jupyter kernel runs this program, so that HTML and pictures can be shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def prepare_figures() -> None:
    """Let the notebook show matplotlib's figures, as it does once pyplot has made one."""
    from matplotlib import pyplot

    pyplot.install_repl_displayhook()
