"""Bits by what a word is: its part of speech, its script, and the kinds of its characters.

- **Part of speech**: the universal part of speech (UPOS) that a tagged corpus gives the word (de Marneffe et al.,
  "Universal Dependencies", Computational Linguistics 47, 2021).
- **Script**: the Unicode script of the word's letters; ``mixed`` if there are several, ``other`` for one that this
  module does not name, ``none`` without letters. Letters that several scripts share, such as ``ー``, do not count
  (Unicode Standard Annex 24).
- **Characters**: lower-case letters, a capital and lower-case letters, capitals, other letters (such as those of a
  script without case), digits, digits with something else, punctuation, and anything else. Hyphens and apostrophes
  next to a letter do not change the kind of a word, nor do periods after one.

Line ends are a class of their own. By script and by characters, so is the literal word ``<unk>``. The unit is bits per
word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from lmbench.analysis.classes import LINE_ENDS, UNKNOWN, Classes, ClassPicture, sum_classes
from lmbench.analysis.words import WordRows
from lmbench.corpus import Split
from lmbench.errors import CorpusError
from lmbench.text.tokenizers import LINE_END

if TYPE_CHECKING:
    import pandas as pd
    import regex

PART_OF_SPEECH = ClassPicture(
    "Surprisal by part of speech",
    "Bits for each word of the test text, by the part of speech that the corpus gives it.",
    "part of speech",
)
SCRIPT = ClassPicture(
    "Surprisal by script", "Bits for each word of the test text, by the script of its letters.", "script"
)
CHARACTERS = ClassPicture(
    "Surprisal by kind of characters",
    "Bits for each word of the test text, by the kinds of its characters.",
    "characters",
)

NO_SCRIPT = "none"
"""The class of words without letters."""

_SCRIPTS = (
    "Latin",
    "Han",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Tamil",
    "Thai",
    "Hangul",
    "Hiragana",
    "Katakana",
    "Georgian",
    "Armenian",
    "Ethiopic",
)
_KINDS = {
    "digits": r"\p{N}+(?:[.,:]\p{N}+)*",
    "with digits": r".*\p{N}.*",
    "lower case": r"(?:\p{Ll}|\p{M})+",
    "capitalized": r"\p{Lu}(?:\p{Ll}|\p{M})*",
    "capitals": r"(?:\p{Lu}|\p{M})+",
    "other letters": r"(?:\p{L}|\p{M})+",
    "punctuation": r"\p{P}+",
}
_NEXT_TO_LETTERS = r"[-'’](?=\p{L})|(?<=\p{L})[-'’.]"


def measure_by_part_of_speech(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by their part of speech; classes.py describes the columns.

    Raises:
        CorpusError: The corpus is not tagged.
    """
    tags = iter(_list_tags(rows.text.corpus.test))
    names = [LINE_ENDS if text == LINE_END else next(tags) for text in rows.words.texts]
    return sum_classes(rows, Classes.of_names(names))


def measure_by_script(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by their script; classes.py describes the columns."""
    return _measure(rows, find_script)


def measure_by_characters(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by the kinds of their characters; classes.py describes the columns."""
    return _measure(rows, find_kind)


def find_script(word: str) -> str:
    """Return the script of a word's letters."""
    found = set(map(_find_script_of, word)) - {""}
    if not found:
        return NO_SCRIPT
    return "mixed" if len(found) > 1 else found.pop()


def find_kind(word: str) -> str:
    """Return what the characters of a word are."""
    next_to_letters, kinds = _compile_kinds()
    plain = next_to_letters.sub("", word)
    return next((name for name, pattern in kinds.items() if pattern.fullmatch(plain)), "others")


@cache
def _compile_kinds() -> tuple[regex.Pattern[str], Mapping[str, regex.Pattern[str]]]:
    """Return the pattern of characters that do not count, and that of each kind."""
    import regex

    kinds = {name: regex.compile(pattern, regex.DOTALL) for name, pattern in _KINDS.items()}
    return regex.compile(_NEXT_TO_LETTERS), kinds


@cache
def _find_script_of(character: str) -> str:
    """Return the script of a letter; "" for one that several scripts share, and for any other character."""
    import regex

    if not regex.fullmatch(r"[\p{L}--\p{Script=Common}]", character, regex.VERSION1):
        return ""
    return next((name for name in _SCRIPTS if regex.fullmatch(rf"\p{{Script={name}}}", character)), "other")


def _measure(rows: WordRows, name: Callable[[str], str]) -> pd.DataFrame:
    special = {LINE_END: LINE_ENDS, UNKNOWN: UNKNOWN}
    names = rows.words.name(lambda text: special.get(text) or name(text))
    return sum_classes(rows, Classes.of_names(names))


def _list_tags(split: Split) -> list[str]:
    if split.tagged is None:
        raise CorpusError("the words of the corpus are not tagged; read one in the format of CoNLL-U")
    return [word.upos for document in split.tagged for line in document for word in line]
