"""The ids that every vocabulary begins with."""

UNKNOWN_ID = 0
"""The unknown word's."""

LINE_END_ID = 1
"""The line end's."""
