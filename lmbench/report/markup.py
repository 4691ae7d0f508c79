"""Escape text for Markdown, so that it is shown unchanged."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return text in which Markdown and HTML find no markup."""
    for character in "\\|`*_[]":
        text = text.replace(character, "\\" + character)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def code(text: str) -> str:
    """Return a code span. Backticks in the text become apostrophes, so that they cannot end it."""
    return f"`{text.replace('`', chr(39))}`"
