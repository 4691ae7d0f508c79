"""Variants of words that a model must tell apart: in case, digits, accents, spaces, quotes, endings or single bytes."""

from __future__ import annotations

import random
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

ODD_LINE = "McAllister's  café\tof 2048 \u201cﬁnal\u201d ＡＢＣ internationalization — 汉字 don't\n"
"""A line of what models are tempted to fold: case, accents, digits, quotes, ligatures, wide letters and Han."""

SHORT_ODD_LINE = "McAllister's  café 2048 汉字\n"
"""A shorter one."""

_LINE_BREAKS = (
    "\n",
    "\n\n",
    "\n ",
    "\n\t",
    " \n",
    "  \n",
    "\t\n",
    " \n ",
    "\r\n",
    "\r\n\r\n",
    "\u00a0\n",
    "\r",
    "\u2028",
)
_WHITE = (" ", "  ", "   ", "\t", " \t", "\x0b", "\x0c", "\x1c", "\x85", "\u00a0", "\u2009")
_SEPARATORS = (*_WHITE, "\u3000", "\u200b", *_LINE_BREAKS)
_LOOKALIKES = ("'\u2019\u2018\u02bc`\u00b4", '"\u201c\u201d\u201e\u00ab\u00bb', "-\u2010\u2011\u2013\u2014\u2212")
_MARKS = "".join(map(chr, range(0x300, 0x315)))
_HIDDEN = "\u200b\u200c\u200d\u2060\u00ad\ufeff\ufe0f\u200e"
_SUFFIXES = ("s", "es", "ed", "er", "ing", "ly", "ness", "'s")
_WIDE = 0xFEE0  # from a printable ASCII character to its full-width form
_LONG, _MANY, _FEW = 8, 16, 4  # from 8 letters a word has 16 random variants of each kind, instead of 4
_MOST_BYTES = 40  # variants in one byte


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Texts of which at most one can follow a text.

    Attributes:
        before: The text before them.
        texts: The texts, none of which is the beginning of another one in bytes.
    """

    before: str
    texts: tuple[str, ...]


def vary_words(line: str, generator: random.Random) -> Iterator[Alternatives]:
    """Yield, for each word of a line and for its end, the word with the space before it, and its variants.

    Those that are longer than the word follow apart, each with the line's next word, so that the word is not the
    beginning of any.
    """
    places = list(re.finditer(r"(\s*)(\S+)", line + line))
    for place, following in pairwise(places):
        if place.start() < len(line):
            before, longer = line[: place.start()], [place.group(), *_extend(place.group(), generator)]
            yield Alternatives(before, drop_extensions(_vary(place[1], place[2], generator)))
            yield Alternatives(before, drop_extensions(text + following.group() for text in longer))


def drop_extensions(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts without those that begin with an earlier one, or that an earlier one begins with."""
    kept: dict[str, None] = {}
    beginnings: set[str] = set()
    for text in texts:
        own = [text[:length] for length in range(len(text) + 1)]
        if text not in beginnings and kept.keys().isdisjoint(own):
            kept[text] = None
            beginnings.update(own)
    return tuple(kept)


def _vary(separator: str, word: str, generator: random.Random) -> Iterator[str]:
    """Yield a word with its separator, and then with other separators and as other words."""
    yield separator + word
    others = _LINE_BREAKS if "\n" in separator else generator.sample(_SEPARATORS, 12)
    yield from (other + word for other in others)
    number = _MANY if len(word) >= _LONG else _FEW
    words = [*_normalize(word), *(_change_digits(word, generator) for _ in range(_MANY))]
    words += [kind(word) for kind in (_swap_first, str.lower, str.upper, str.title, str.swapcase)]
    for vary in (_change_case, _widen, _insert_marks, _insert_hidden):
        words += [vary(word, generator) for _ in range(number)]
    words += [word[:-1] + letter for letter in generator.sample(string.ascii_lowercase, number)]
    words += _replace_lookalikes(word)
    words += generator.sample(changed := _change_bytes(word), min(_MOST_BYTES, len(changed)))
    yield from (separator + other for other in words)


def _normalize(word: str) -> Iterator[str]:
    """Yield a word in the normal forms of Unicode, and without accents."""
    yield from (unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD"))
    yield "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def _swap_first(word: str) -> str:
    return word[0].swapcase() + word[1:]


def _change_case(word: str, generator: random.Random) -> str:
    return "".join(generator.choice((letter.lower(), letter.upper())) for letter in word)


def _widen(word: str, generator: random.Random) -> str:
    """Return a word in which some ASCII characters have their full width."""
    return "".join(chr(ord(c) + _WIDE) if "!" <= c <= "~" and generator.random() < 0.5 else c for c in word)


def _change_digits(word: str, generator: random.Random) -> str:
    return "".join(generator.choice(string.digits) if character.isdigit() else character for character in word)


def _insert_marks(word: str, generator: random.Random) -> str:
    """Return a word with a combining mark after one of its characters."""
    place = generator.randint(1, len(word))
    return word[:place] + generator.choice(_MARKS) + word[place:]


def _insert_hidden(word: str, generator: random.Random) -> str:
    """Return a word with a character of no width."""
    place = generator.randint(0, len(word))
    return word[:place] + generator.choice(_HIDDEN) + word[place:]


def _extend(word: str, generator: random.Random) -> list[str]:
    """Return a word in its normal forms, and with suffixes."""
    endings = [generator.choice(string.ascii_lowercase + _HIDDEN + _MARKS) for _ in range(_MANY)]
    return [*_normalize(word), *(word + ending for ending in (*_SUFFIXES, *endings))]


def _replace_lookalikes(word: str) -> Iterator[str]:
    """Yield a word with all its apostrophes, quotes or dashes replaced by another one."""
    for alike in _LOOKALIKES:
        for other in alike:
            yield "".join(other if character in alike else character for character in word)


def _change_bytes(word: str) -> list[str]:
    """Return a word with another byte in each place after the first of its last character that has several."""
    changed = []
    for place in [place for place, character in enumerate(word) if not character.isascii()][-1:]:
        data = word[place].encode()
        others = [data[:i] + bytes((byte,)) + data[i + 1 :] for i in range(1, len(data)) for byte in range(0x80, 0xC0)]
        changed = [word[:place] + other.decode(errors="ignore") + word[place + 1 :] for other in others]
    return changed
