"""The fonts of pictures, and escapes for the characters that they lack."""

from __future__ import annotations

import sys
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from lmbench.printable import printable

_LATIN = "DejaVu Sans"  # comes with matplotlib
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Arial Unicode MS",
)


@cache
def find_families() -> tuple[str, ...]:
    """Return the font families to draw with: each character is taken from the first that has it."""
    installed = {font.name for font in fontManager.ttflist}
    return (_LATIN, *(name for name in _CHINESE if name in installed))


def escape_missing(text: str) -> str:
    """Return `text` in one line, with escapes for characters that cannot be printed or that the fonts lack."""
    known, text = _code_points(), printable(text)
    if not known.issuperset(map(ord, text)):
        _warn_once()
    return "".join(letter if ord(letter) in known else letter.encode("unicode_escape").decode() for letter in text)


@cache
def _warn_once() -> None:
    """Explain the escapes, once per process."""
    sys.stderr.write(
        "some characters are missing from the installed fonts and are drawn as escapes; for Chinese, install a font "
        "such as Noto Sans CJK\n"
    )


@cache
def _code_points() -> frozenset[int]:
    """Return the code points that the fonts have."""
    files = [findfont(FontProperties(family=family), fallback_to_default=False) for family in find_families()]
    return frozenset().union(*(get_font(file).get_charmap() for file in files))
