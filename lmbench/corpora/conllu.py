"""Tagged sentences from CoNLL-U, CoNLL-U Plus and CoNLL-X files (universaldependencies.org/format.html).

CoNLL-U and CoNLL-X have ten columns, separated by tabs. CoNLL-U Plus names its columns in a comment, ``# global.columns
= ID FORM UPOS``. Only CoNLL-X lacks comments, multiword tokens (``3-4 don't``, whose words follow as 3 and 4) and empty
nodes (``8.1``: a word that is not in the text; it is left out here).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from lmbench.corpus import Split, TaggedWord
from lmbench.errors import CorpusError

_COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_NAMED_COLUMNS = re.compile(r"#\s*global\.columns\s*=(.*)")
_WORD = re.compile(r"[1-9][0-9]*")
_MULTIWORD = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)")
_EMPTY_NODE = re.compile(r"[0-9]+\.[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a treebank.

    Attributes:
        words: Its syntactic words. A multiword token counts as its words.
        text: The sentence as it was written: the comment ``# text =``, or else the forms, with a space after each one
            that is not marked ``SpaceAfter=No``.
        first: Whether a document begins with it (``# newdoc``).
    """

    words: tuple[TaggedWord, ...]
    text: str
    first: bool


def parse_sentences(text: str, name: str) -> tuple[Sentence, ...]:
    """Return the sentences of a file.

    Args:
        text: The file's text.
        name: The file's name, for errors.

    Raises:
        CorpusError: The text is malformed; the message names the line.
    """
    sentences: list[Sentence] = []
    lines = text.removeprefix("\ufeff").split("\n")
    columns = _find_columns(lines[0], name)
    block = _Block(name, columns)
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        if line.strip():
            block.add(line, number)
        else:
            sentences += block.finish(number)
            block = _Block(name, columns)
    sentences += block.finish(number + 1)
    if not sentences:
        raise CorpusError(f"{name} does not contain any sentences")
    return tuple(sentences)


def _find_columns(line: str, name: str) -> tuple[str, ...]:
    """Return the columns that the first line of a file names, by default those of CoNLL-U."""
    found = _NAMED_COLUMNS.match(line)
    columns = tuple(found[1].split()) if found else _COLUMNS
    for needed in ("ID", "FORM"):
        if needed not in columns:
            raise CorpusError(f"{name}, line 1: the columns lack {needed}, which says what the words are")
    return columns


@cache
def _count_needed(columns: tuple[str, ...]) -> int:
    """Return the number of columns that a line must have: only those that CoNLL-U lacks may be missing at its end."""
    return 1 + max(i for i, column in enumerate(columns) if column in _COLUMNS)


@cache
def _find_places(columns: tuple[str, ...]) -> tuple[int, ...]:
    """Return the places of the columns that are read; the place after the last column for those that are missing."""
    read = ("ID", "FORM", "UPOS", "XPOS", "MISC")
    return tuple(columns.index(name) if name in columns else len(columns) for name in read)


def tagged_split(sentences: Sequence[Sentence]) -> Split:
    """Return the sentences as tokenized lines, one space between two words, with the words' tags.

    A document extends from one ``# newdoc`` to the next. If none is marked, each sentence is a document. White space
    inside a word, as in Vietnamese, becomes ``_``.
    """
    documents = [
        [tuple(map(_without_spaces, sentence.words)) for sentence in document] for document in _documents(sentences)
    ]
    texts = ("".join(" ".join(word.form for word in line) + "\n" for line in document) for document in documents)
    return Split(tuple(texts), tuple(map(tuple, documents)))


def text_split(sentences: Sequence[Sentence]) -> Split:
    """Return the sentences as they were written, one a line; documents are those of `tagged_split`."""
    return Split(tuple("".join(f"{sentence.text}\n" for sentence in document) for document in _documents(sentences)))


def _documents(sentences: Sequence[Sentence]) -> list[list[Sentence]]:
    marked = any(sentence.first for sentence in sentences)
    documents: list[list[Sentence]] = []
    for sentence in sentences:
        if sentence.first or not marked or not documents:
            documents.append([])
        documents[-1].append(sentence)
    return documents


def _without_spaces(word: TaggedWord) -> TaggedWord:
    return TaggedWord("_".join(word.form.split()), word.upos, word.xpos)


@dataclass
class _Block:
    """The lines of one sentence that have been read so far."""

    name: str
    columns: tuple[str, ...]
    words: list[TaggedWord] = field(default_factory=list)
    surface: list[str] = field(default_factory=list)
    covered: int = 0  # the last word that a multiword token spells
    text: str | None = None
    first: bool = False

    def add(self, line: str, number: int) -> None:
        """Add a line that is not empty."""
        if line.startswith("#"):
            self._add_comment(line)
            return
        place = f"{self.name}, line {number}"
        cells = line.split("\t")
        if not _count_needed(self.columns) <= len(cells) <= len(self.columns):
            kind = "CoNLL-U has" if self.columns == _COLUMNS else "line 1 names"
            raise CorpusError(f"{place}: {len(cells)} columns separated by tabs; {kind} {len(self.columns)}")
        cells += ["_"] * (len(self.columns) + 1 - len(cells))  # for the columns that are missing
        identity, form, upos, xpos, misc = [cells[column] for column in _find_places(self.columns)]
        if not form.strip():
            raise CorpusError(f"{place}: the word's form is empty")
        if span := _MULTIWORD.fullmatch(identity):
            self._add_multiword(int(span[1]), int(span[2]), _with_space(form, misc), place)
        elif not _EMPTY_NODE.fullmatch(identity):
            self._add_word(identity, TaggedWord(form, upos, xpos), misc, place)

    def finish(self, number: int) -> Iterator[Sentence]:
        """Yield the sentence, if any words precede the empty line of this number."""
        if self.covered > len(self.words):
            raise CorpusError(f"{self.name}, line {number}: word {len(self.words) + 1} of a multiword token is missing")
        if self.words:
            text = "".join(self.surface).rstrip() if self.text is None else self.text
            yield Sentence(tuple(self.words), text, self.first)

    def _add_comment(self, line: str) -> None:
        key, _, value = line[1:].partition("=")
        if key.strip() == "text":
            self.text = value.strip()
        self.first |= line[1:].split()[:1] == ["newdoc"]

    def _add_multiword(self, begin: int, end: int, spelling: str, place: str) -> None:
        if begin != len(self.words) + 1 or begin > end or begin <= self.covered:
            raise CorpusError(f"{place}: the multiword token {begin}-{end} cannot follow {len(self.words)} words")
        self.covered = end
        self.surface.append(spelling)

    def _add_word(self, identity: str, word: TaggedWord, misc: str, place: str) -> None:
        expected = len(self.words) + 1
        if not _WORD.fullmatch(identity) or int(identity) != expected:
            raise CorpusError(f"{place}: the word's number is '{identity}', expected {expected}")
        self.words.append(word)
        if expected > self.covered:
            self.surface.append(_with_space(word.form, misc))


def _with_space(form: str, misc: str) -> str:
    return form if "SpaceAfter=No" in misc and "SpaceAfter=No" in misc.split("|") else f"{form} "
