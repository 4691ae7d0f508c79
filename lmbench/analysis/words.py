"""The words of a text as rows of bits that compare between models.

White space separates the words of a tokenized text. In raw text, a word is a run of letters, of digits or of one
punctuation mark, so that ``dog`` and ``dog,`` have the same word; if white space does not separate words, as in
Chinese, they are those of jieba. A line end is a word of its own. White space before a word belongs to it.

A row is a word. If an event of some model reaches from one word into the next, the two are one row, because the cost of
the event cannot be divided. The rows tile each document, so that their bits sum to those of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.analysis.alignment import AlignedText
from lmbench.arrays import Flags, Ints
from lmbench.corpus import Corpus
from lmbench.text.tokenizers import LINE_END, make_tokenizer
from lmbench.words.spans import align_words, word_spans


@dataclass(frozen=True, slots=True)
class Words:
    """The words and line ends of some documents.

    Attributes:
        documents: (words,) the number of each word's document.
        spans: (words, 2) byte offsets in the document at which each word starts and ends.
        texts: (words,) the words; a newline for a line end.
    """

    documents: Ints
    spans: Ints
    texts: Sequence[str]

    @property
    def are_line_ends(self) -> Flags:
        """Whether each word is a line end, (words,)."""
        return np.fromiter((text == LINE_END for text in self.texts), np.bool_, len(self.texts))


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


def find_words(document: str, corpus: Corpus) -> tuple[Ints, list[str]]:
    """Return the byte offsets of the words and line ends of a document, (words, 2), and their texts.

    A document without any is one word.
    """
    data = document.encode()
    spans = word_spans(document, corpus.spaced) if corpus.tokenized or not corpus.spaced else _find_pieces(document)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(LINE_END))
    joined = np.concatenate([spans, np.stack([ends, ends + 1], axis=1)])
    joined = joined[np.argsort(joined[:, 0], kind="stable")] if len(joined) else np.array([[0, len(data)]])
    return joined, [data[start:end].decode() for start, end in joined.tolist()]


def list_words(documents: Sequence[str], corpus: Corpus) -> Words:
    """Return the words and line ends of documents of a corpus."""
    found = [find_words(document, corpus) for document in documents]
    counts = [len(texts) for _, texts in found]
    return Words(
        documents=np.repeat(np.arange(len(found)), counts),
        spans=np.concatenate([spans for spans, _ in found]) if found else np.zeros((0, 2), dtype=np.int64),
        texts=[text for _, texts in found for text in texts],
    )


def align_to_words(text: AlignedText) -> WordRows:
    """Return the words of a text as rows."""
    words = list_words(text.corpus.test.documents, text.corpus)
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


def _find_pieces(document: str) -> Ints:
    """Return the byte offsets of the pieces of a document that are not white space, (pieces, 2)."""
    tokens, ends = make_tokenizer("pieces").tokenize_with_ends(document)
    starts = np.concatenate([[0], ends])[:-1] + [token.startswith(" ") for token in tokens]
    return np.stack([starts, ends], axis=1)[[not token.isspace() for token in tokens]]
