"""Names for the arrays that the package passes around. Docstrings give their shapes and units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
AnyInts = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]
Ids = NDArray[np.int32]
"""Ids of types in a lexicon: those of a line, or of a whole text."""
