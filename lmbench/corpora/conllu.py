"""Tagged sentences from CoNLL-U and CoNLL-X files (universaldependencies.org/format.html).

Both formats have ten columns, separated by tabs. Only CoNLL-U has comments, multiword tokens (``3-4 don't``, whose
words follow as 3 and 4) and empty nodes (``8.1``: a word that is not in the text; it is left out here).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lmbench.corpus import Split, TaggedWord
from lmbench.errors import CorpusError

_COLUMNS = 10
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
    block = _Block(name)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        if line.strip():
            block.add(line, number)
        else:
            sentences += block.finish(number)
            block = _Block(name)
    sentences += block.finish(number + 1)
    if not sentences:
        raise CorpusError(f"{name} does not contain any sentences")
    return tuple(sentences)


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
        columns = line.split("\t")
        if len(columns) != _COLUMNS:
            raise CorpusError(f"{place}: {len(columns)} columns separated by tabs; CoNLL-U has {_COLUMNS}")
        identity, form, _, upos, xpos, *_, misc = columns
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
    return form if "SpaceAfter=No" in misc.split("|") else f"{form} "
