"""Ids that are the same in every vocabulary."""

UNKNOWN_ID = 0
"""The id of the unknown word."""

LINE_END_ID = 1
"""The id of the line end."""
