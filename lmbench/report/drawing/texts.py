"""Texts in an SVG: escaped, measured and shortened."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from functools import cache
from xml.sax.saxutils import escape

from lmbench.printable import printable

SIZE = 12
"""The size of texts, in pixels."""

_LONGEST = 300  # characters of a text that is shortened
_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_UNRAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789")
_NARROW = frozenset("ijl.,:;'!|I[]()ftr/ \"`-")
_BROAD = frozenset("mwMW@%—…")
_LAST_COMMON = "ɏ"  # the end of Latin Extended-B
_COMMON = frozenset("–—‘’“”•…−⁻⁰⁴⁵⁶⁷⁸⁹")
_STRETCH = 1.15  # the width of DejaVu Sans as a multiple of Helvetica's


def measure(text: str) -> float:
    """Return the width of a text in pixels, about as Helvetica and its replacements draw it."""
    stretch = _STRETCH if has_rare(text) else 1.0
    return SIZE * stretch * sum(map(_measure_letter, printable(text)))


def shorten(text: str, width: float) -> str:
    """Return a text of at most this width, with "…" for the part of its middle that is left out."""
    text = printable(text)
    if measure(text) <= width:
        return text
    text = _cut(text, min(len(text), _LONGEST) - 1)
    kept = len(text) - 1
    while kept > 1 and measure(_cut(text, kept)) > width:
        kept -= 1
    return _cut(text, kept)


def wrap(text: str, width: float) -> list[str]:
    """Return the lines of a text, none much wider than this, and no more than four."""
    average = measure(text) / max(len(text), 1) or SIZE
    return textwrap.wrap(printable(text), max(int(width / average), 8), max_lines=4, placeholder="…")


def draw_text(x: float, y: float, text: str, kind: str = "", full: str = "") -> str:
    """Return a text element.

    Args:
        x: Where the text begins, ends or has its middle, according to its kind.
        y: Its baseline.
        text: The text, not escaped.
        kind: Its classes in the style sheet; "end" is a text that ends at x, and "middle" one that is centered there.
        full: The text before it was shortened, shown to those who point at it.
    """
    title = draw_title(full) if full and printable(full) != text else ""
    classes = f"{kind} {choose_font(text)}".strip()
    attribute = f' class="{classes}"' if classes else ""
    content = _RAISED.sub(_raise, escape(printable(text)))
    return f'<text x="{number(x)}" y="{number(y)}"{attribute}>{content}{title}</text>'


def draw_title(text: str) -> str:
    """Return the element that names what it is in."""
    return f"<title>{escape(printable(text))}</title>"


def number(value: float) -> str:
    """Return a coordinate with one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def has_rare(text: str) -> bool:
    """Return whether a text has characters that fonts such as Helvetica lack."""
    return not text.isascii() and any(letter > _LAST_COMMON and letter not in _COMMON for letter in text)


def choose_font(text: str) -> str:
    """Return the class of the font that a text needs; a converter to PNG takes as few fonts as it can."""
    if not has_rare(text):
        return ""
    return "han" if any(unicodedata.name(letter, "").startswith("CJK UNIFIED") for letter in text) else "rare"


def _cut(text: str, kept: int) -> str:
    """Return this many characters of a text, two thirds from its beginning, with "…" between them."""
    tail = kept // 3
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}"


def _raise(match: re.Match[str]) -> str:
    """Return an exponent in a smaller size, because few fonts have all letters for exponents."""
    return f'<tspan dy="-4" font-size="9">{match[0].translate(_UNRAISED)}</tspan>'


@cache
def _measure_letter(letter: str) -> float:
    """Return the width of a letter as a fraction of the font's size."""
    if unicodedata.combining(letter):
        return 0.0
    if _RAISED.match(letter):
        return 0.42
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in _NARROW:
        return 0.3
    if letter in _BROAD:
        return 0.87
    return 0.7 if letter.isupper() else 0.556
