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
"""Ids of types in a lexicon, for a line or a whole text."""

Int32s = NDArray[np.int32]
"""Positions, rows or counts: arrays so long that 32 bits an entry matter."""
