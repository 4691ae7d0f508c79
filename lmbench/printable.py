"""Text made safe to show: a terminal, a page or a spreadsheet prints it, and does not act on it.

Everything that a user, a file, a server or a plugin named goes through one of these functions on its way out: control
characters, escape sequences, changes of direction (U+202E), line separators other than a newline, and bytes that were
not UTF-8 (lone surrogates) become the escapes of a Python literal. Letters of every script, combining marks and emoji
stay as they are.
"""

from __future__ import annotations

import unicodedata
from functools import cache

_LAYOUT = "\n\t"
_JOINERS = "\u200c\u200d"  # they join letters, in Persian and in emoji
_NUMBER_SIGNS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u08e2"  # visible, although they are format characters


def printable(text: str) -> str:
    """Return `text` in one line, with unprintable characters and unusual spaces escaped as in Python's literals."""
    return text if text.isprintable() else "".join(map(_in_line, text))


def printable_lines(text: str) -> str:
    """Return `text` with its lines, tabs and spaces, and with all other unprintable characters escaped."""
    return text if text.isprintable() else "".join(map(_in_text, text))


def show_spelling(spelling: bytes) -> str:
    """Return bytes as people read them: ``␣`` for a space, and escapes for what is not a character."""
    return spelling.decode(errors="backslashreplace").replace(" ", "␣")


def printable_json(text: str) -> str:
    """Return JSON in which strings have unprintable characters escaped; it holds the same values."""
    return text if text.isascii() and text.isprintable() else "".join(map(_in_json, text))


@cache
def _in_line(character: str) -> str:
    is_shown = character.isprintable() or character in _JOINERS or character in _NUMBER_SIGNS
    return character if is_shown else ascii(character)[1:-1]


@cache
def _in_text(character: str) -> str:
    return character if character in _LAYOUT or unicodedata.category(character) == "Zs" else _in_line(character)


@cache
def _in_json(character: str) -> str:
    if _in_text(character) == character:
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
