"""Text made safe to show: a terminal or a page prints it, and does not interpret it."""

from __future__ import annotations

import unicodedata

_LAYOUT = "\n\t\u200c\u200d"  # control characters that only lay text out or join letters


def printable(text: str) -> str:
    """Return `text` in one line, with unprintable characters escaped as in Python's literals."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def printable_lines(text: str) -> str:
    """Return `text` with its lines, and with control characters escaped that a terminal would act on."""
    return "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    is_shown = character in _LAYOUT or not unicodedata.category(character).startswith("C")
    return character if is_shown else ascii(character)[1:-1]
