"""The words of a text as rows of bits that compare between models.

White space separates the words of a tokenized text. In raw text, a word is a run of letters, of digits or of one
punctuation mark, so that ``dog`` and ``dog,`` have the same word; if white space does not separate words, as in
Chinese, they are those of jieba. A line end is a word of its own. White space before a word belongs to it.

A row is a word. If an event of some model reaches from one word into the next, the two are one row, because the cost of
the event cannot be divided. The rows tile each document, so that their bits sum to those of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lmbench.analysis.alignment import AlignedText
from lmbench.arrays import Flags, Ints
from lmbench.corpus import WORD_SEPARATORS, Corpus
from lmbench.text.tokenizers import LINE_END, Tokenizer, make_tokenizer
from lmbench.words.spans import align_words, cut

_WORD = re.compile(f"[^{WORD_SEPARATORS}]+|{LINE_END}")
_WORD_BYTES = re.compile(_WORD.pattern.encode())


@dataclass(frozen=True)
class Words:
    """The words and line ends of some documents.

    Attributes:
        corpus: The corpus of the documents.
        documents: (words,) the number of each word's document.
        spans: (words, 2) byte offsets in the document at which each word starts and ends.
        types: The different words, in the order in which they first occur; a newline for a line end.
        numbers: (words,) the place of each word in `types`.
    """

    corpus: Corpus
    documents: Ints
    spans: Ints
    types: Sequence[str]
    numbers: Ints

    @classmethod
    def of_documents(cls, corpus: Corpus, documents: Sequence[str]) -> Words:
        """Return the words and line ends of documents of a corpus; there is at least one document."""
        places: dict[str, int] = {}
        spans, numbers = list[Ints](), list[Ints]()
        for document in documents:
            spans.append(find_words(document, corpus))
            texts = cut(document, spans[-1])
            numbers.append(np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int64))
        return cls(
            corpus=corpus,
            documents=np.repeat(np.arange(len(spans)), list(map(len, spans))),
            spans=np.concatenate(spans),
            types=tuple(places),
            numbers=np.concatenate(numbers),
        )

    @property
    def texts(self) -> list[str]:
        """The words, (words,)."""
        return list(map(self.types.__getitem__, self.numbers.tolist()))

    @property
    def are_line_ends(self) -> Flags:
        """Whether each word is a line end, (words,)."""
        return self.are(LINE_END)

    @cached_property
    def training(self) -> Ints:
        """The numbers of the words of the training split; -1 for each word of no type, and before each document."""
        places = {text: number for number, text in enumerate(self.types)}
        documents = (split_words(document, self.corpus) for document in self.corpus.train.documents)
        numbered = [np.array([-1, *(places.get(word, -1) for word in words)], dtype=np.int64) for words in documents]
        return np.concatenate(numbered) if numbered else np.array([-1], dtype=np.int64)

    def are(self, text: str) -> Flags:
        """Return whether each word is this one, (words,)."""
        return np.array([one == text for one in self.types], dtype=np.bool_)[self.numbers]

    def name(self, find_name: Callable[[str], str]) -> list[str]:
        """Return the names that a function gives the words, (words,). It is asked once for each type."""
        names = list(map(find_name, self.types))
        return list(map(names.__getitem__, self.numbers.tolist()))


@dataclass(frozen=True, slots=True)
class WordRows:
    """A test text in rows of words.

    Attributes:
        text: The rows: each has the white space before its words.
        words: The words.
        borders: (rows + 1,) the number of words before each row, and in all.
    """

    text: AlignedText
    words: Words
    borders: Ints

    @property
    def counts(self) -> Ints:
        """The number of words and line ends of each row, (rows,)."""
        return np.diff(self.borders)

    @property
    def spans(self) -> Ints:
        """The byte offsets at which the words of each row start and end, without white space, (rows, 2)."""
        return np.stack([self.words.spans[self.borders[:-1], 0], self.words.spans[self.borders[1:] - 1, 1]], axis=1)


def split_words(document: str, corpus: Corpus) -> list[str]:
    """Return the words and line ends of a document. A document without any is one word."""
    if _has_spaced_words(corpus):
        return _WORD.findall(document) or [document]
    tokens = _choose_tokenizer(corpus).tokenize(document)
    return [token.removeprefix(" ") for token in tokens if _is_word(token)] or [document]


def find_words(document: str, corpus: Corpus) -> Ints:
    """Return the byte offsets at which the words of `split_words` start and end, (words, 2)."""
    data = document.encode()
    if _has_spaced_words(corpus):
        found = [match.span() for match in _WORD_BYTES.finditer(data)]
        return np.array(found or [(0, len(data))], dtype=np.int64)
    tokens, ends = _choose_tokenizer(corpus).tokenize_with_ends(document)
    starts = np.concatenate([[0], ends])[:-1] + [token.startswith(" ") for token in tokens]
    spans = np.stack([starts, ends], axis=1)[[_is_word(token) for token in tokens]]
    return spans if len(spans) else np.array([[0, len(data)]])


def align_to_words(text: AlignedText, words: Words | None = None) -> WordRows:
    """Return the words of a text as rows.

    Args:
        text: The text.
        words: Its words; None to find them.
    """
    words = words or Words.of_documents(text.corpus, text.corpus.test.documents)
    parts = list(_align_documents(text, words))
    rows, numbers = (np.concatenate([np.zeros(1, dtype=np.int64), *each]) for each in zip(*parts, strict=True))
    return WordRows(text.merge(rows), words, numbers)


def _align_documents(text: AlignedText, words: Words) -> Iterator[tuple[Ints, Ints]]:
    """Yield, of each document, the numbers of spans and of words at whose ends its rows end."""
    numbers = np.arange(len(text.corpus.test.documents) + 1)
    rows, first_words = (np.searchsorted(each, numbers) for each in (text.documents, words.documents))
    for number in numbers[:-1].tolist():
        start, first = rows[number], first_words[number]
        found = align_words(text.ends[start : rows[number + 1]], words.spans[first : first_words[number + 1]])
        yield start + found.borders[1:], first + np.cumsum(found.words)


def _has_spaced_words(corpus: Corpus) -> bool:
    return corpus.tokenized and corpus.spaced


def _choose_tokenizer(corpus: Corpus) -> Tokenizer:
    return make_tokenizer("pieces" if corpus.spaced else "jieba")


def _is_word(token: str) -> bool:
    return token == LINE_END or not token.isspace()
