"""Tagged sentences from CoNLL-U and CoNLL-X files (universaldependencies.org/format.html).

Both have ten columns with tabs between them; only CoNLL-U has comments, multiword tokens (``3-4 don't``, whose words
follow as 3 and 4) and empty nodes (``8.1``, which stand for words that are not in the text and are left out here).
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
    """One sentence.

    words  its syntactic words: of a multiword token the words, not the token
    text   as it was written: the comment ``# text =`` where there is one, else the forms, with a space after each that
           does not say ``SpaceAfter=No``
    first  whether a document begins with it (``# newdoc``)
    """

    words: tuple[TaggedWord, ...]
    text: str
    first: bool


def sentences(text: str, name: str) -> tuple[Sentence, ...]:
    """The sentences of a file's text. Raises CorpusError, which names the file and the line, where it is malformed."""
    found: list[Sentence] = []
    block = _Block(name)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        if line.strip():
            block.read(line, number)
        else:
            found += block.sentences(number)
            block = _Block(name)
    found += block.sentences(number + 1)
    if not found:
        raise CorpusError(f"{name} has no sentence")
    return tuple(found)


def tagged_split(sentences: Sequence[Sentence]) -> Split:
    """The sentences as tokenized lines, one space between two words, with the words' tags.

    A document goes from one ``# newdoc`` to the next; where none is marked, each sentence is one. White space inside a
    word, as in Vietnamese, becomes ``_``.
    """
    documents = [
        [tuple(map(_without_spaces, sentence.words)) for sentence in document] for document in _documents(sentences)
    ]
    texts = ("".join(" ".join(word.form for word in line) + "\n" for line in document) for document in documents)
    return Split(tuple(texts), tuple(map(tuple, documents)))


def text_split(sentences: Sequence[Sentence]) -> Split:
    """The sentences as they were written, one a line; documents as in `tagged_split`."""
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
    """The lines of one sentence, as far as they are read."""

    name: str
    words: list[TaggedWord] = field(default_factory=list)
    surface: list[str] = field(default_factory=list)
    covered: int = 0  # the last word that a multiword token spells
    text: str | None = None
    first: bool = False

    def read(self, line: str, number: int) -> None:
        """One line that is not empty."""
        if line.startswith("#"):
            self._comment(line)
            return
        where = f"{self.name}, line {number}"
        columns = line.split("\t")
        if len(columns) != _COLUMNS:
            raise CorpusError(f"{where}: {len(columns)} columns with tabs between them, and CoNLL-U has {_COLUMNS}")
        identity, form, _, upos, xpos, *_, misc = columns
        if not form.strip():
            raise CorpusError(f"{where}: the word has no form")
        if span := _MULTIWORD.fullmatch(identity):
            self._multiword(int(span[1]), int(span[2]), form, misc, where)
        elif not _EMPTY_NODE.fullmatch(identity):
            self._word(identity, TaggedWord(form, upos, xpos), misc, where)

    def sentences(self, number: int) -> Iterator[Sentence]:
        """The sentence, where any words were read before the empty line `number`."""
        if self.covered > len(self.words):
            raise CorpusError(f"{self.name}, line {number}: word {len(self.words) + 1} of a multiword token is missing")
        if self.words:
            text = "".join(self.surface).rstrip() if self.text is None else self.text
            yield Sentence(tuple(self.words), text, self.first)

    def _comment(self, line: str) -> None:
        key, _, value = line[1:].partition("=")
        if key.strip() == "text":
            self.text = value.strip()
        self.first |= line[1:].split()[:1] == ["newdoc"]

    def _multiword(self, begin: int, end: int, form: str, misc: str, where: str) -> None:
        if begin != len(self.words) + 1 or begin > end or begin <= self.covered:
            raise CorpusError(f"{where}: a multiword token {begin}-{end} cannot follow {len(self.words)} words")
        self.covered = end
        self.surface.append(_spaced(form, misc))

    def _word(self, identity: str, word: TaggedWord, misc: str, where: str) -> None:
        expected = len(self.words) + 1
        if not _WORD.fullmatch(identity) or int(identity) != expected:
            raise CorpusError(f"{where}: the word's number is '{identity}' where {expected} should stand")
        self.words.append(word)
        if expected > self.covered:
            self.surface.append(_spaced(word.form, misc))


def _spaced(form: str, misc: str) -> str:
    return form if "SpaceAfter=No" in misc.split("|") else f"{form} "
