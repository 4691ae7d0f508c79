"""Characters that no font of this machine has, and escapes for them in pictures."""

from __future__ import annotations

import sys
from functools import cache
from xml.sax.saxutils import escape

from lmbench.printable import printable
from lmbench.report.drawing.style import file_style
from lmbench.report.drawing.texts import choose_font

_IN_NO_FONT = "\U000ffffd"  # of a private area
_STAND_INS = {"␣": "_"}  # a marked space is more legible so than as an escape
_SIDE = 16  # pixels


def escape_missing(text: str) -> str:
    """Return `text` in one line, with escapes for characters that cannot be printed or that no font has.

    The first missing character of a process prints the name of a font to install.
    """
    text = printable(text)
    if text.isascii():
        return text
    missing = {letter for letter in set(text) if not letter.isascii() and not _has_glyph(letter)}
    if missing - _STAND_INS.keys():
        _warn_once()
    escapes = {letter: letter.encode("unicode_escape").decode() for letter in missing} | _STAND_INS
    return "".join(escapes[letter] if letter in missing else letter for letter in text)


@cache
def _has_glyph(letter: str) -> bool:
    """Return whether a character looks different from one that no font has."""
    font = choose_font(letter)
    return _draw(letter, font) != _draw(_IN_NO_FONT, font)


@cache
def _draw(letter: str, font: str) -> bytes:
    """Return a picture of a character, in the font of this class."""
    import vl_convert

    size = f'width="{_SIDE}" height="{_SIDE}"'
    text = f'<style>{file_style()}</style><text y="13" class="{font}">{escape(letter)}</text>'
    return bytes(vl_convert.svg_to_png(f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size}>{text}</svg>'))


@cache
def _warn_once() -> None:
    """Explain the escapes, once per process."""
    sys.stderr.write(
        "some characters are missing from the installed fonts and are drawn as escapes; for Chinese, install a font "
        "such as Noto Sans CJK\n"
    )
