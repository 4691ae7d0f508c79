"""Text that a terminal or a page shows and does not obey."""

from __future__ import annotations

import unicodedata

_LAYOUT = "\n\t\u200c\u200d"  # control characters that lay text out or join its letters


def printable(text: str) -> str:
    """Return `text` in one line, with characters that cannot be printed escaped as in Python's literals."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def printable_lines(text: str) -> str:
    """Return `text` with its lines, and with control characters that a terminal would obey escaped."""
    return "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    shown = character in _LAYOUT or not unicodedata.category(character).startswith("C")
    return character if shown else ascii(character)[1:-1]
