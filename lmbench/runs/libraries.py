"""The heavy libraries that models declare in `Traits.libraries`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from contextlib import suppress


def import_libraries(names: Iterable[str]) -> None:
    """Import modules, except those that cannot be imported: the work that needs one says why."""
    for name in names:
        with suppress(Exception, SystemExit):  # a library may raise anything
            importlib.import_module(name)
