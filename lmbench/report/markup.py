"""Text for a terminal, Markdown and CSV: shown unchanged, and never taken for markup or for a formula."""

from __future__ import annotations

import re

from rich.text import Text

from lmbench.printable import printable

_INLINE = str.maketrans({character: f"\\{character}" for character in "\\|`*_[]~$#"} | {"&": "&amp;", "<": "&lt;"})
_BLOCK = re.compile(r"(\d+)(?=[.)](?:\s|$))|(?=[-+](?:\s|$)|[-=]+\s*$|>)")  # begins a list, a quotation or a rule
_FORMULA = tuple("=+-@＝＋－＠")


def literal(text: str, style: str = "") -> Text:
    """Return text for rich to print as it is, without markup or emoji codes."""
    return Text(printable(text), style)


def plain(text: str) -> str:
    """Return text in which Markdown and HTML find no markup, in one line."""
    escaped = printable(text).strip().translate(_INLINE)
    return _BLOCK.sub(r"\1\\", escaped, count=1) if _BLOCK.match(escaped) else escaped


def code(text: str) -> str:
    """Return a code span, in one line. The fence has more backticks than any run of them in the text."""
    text = printable(text)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def csv_text(text: str) -> str:
    """Return text for an entry of a CSV file, in one line.

    A spreadsheet would run text that begins like a formula. An apostrophe before it prevents that, as OWASP advises:
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = printable(text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
