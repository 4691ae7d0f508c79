"""Text from anywhere, as Markdown that shows it as it is."""

from __future__ import annotations


def plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    for character in "\\|`*_[]":
        text = text.replace(character, "\\" + character)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def code(text: str) -> str:
    """Text in a code span, which nothing in it can end."""
    return f"`{text.replace('`', chr(39))}`"
