"""Corpora as values: documents, splits and their fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

WORD_SEPARATORS = " \t\r\n"
"""The characters that separate words in ARPA files, and for lmplz, SRILM and IRSTLM. All others are letters of a word,
no-break and ideographic spaces included."""


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word and its parts of speech.

    Attributes:
        form: The word as it is written.
        upos: The universal part of speech; ``_`` if there is none.
        xpos: The part of speech in the language's own tag set; ``_`` if there is none.
    """

    form: str
    upos: str
    xpos: str


@dataclass(frozen=True)
class Split:
    """The documents of one split, in order.

    Attributes:
        documents: A tuple of texts, or StoredDocuments that stay in their file.
        tagged: The tagged words of each line of each document; None if the text is not tagged. White space separates
            exactly these words in the text.
    """

    documents: Sequence[str]
    tagged: tuple[tuple[tuple[TaggedWord, ...], ...], ...] | None = None

    @cached_property
    def size(self) -> int:
        """Number of UTF-8 bytes."""
        return sum(len(document.encode()) for document in self.documents)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the split's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document.encode())
        return digest.hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the documents, their borders and their tags: of all that a model can see of the split."""
        digest = hashlib.sha256()
        for document in self.documents:
            data = document.encode()
            digest.update(f"{len(data)}:".encode())
            digest.update(data)
        if self.tagged is not None:
            digest.update(repr(self.tagged).encode())
        return digest.hexdigest()

    @property
    def lines(self) -> list[str]:
        """All lines, without their line ends."""
        return [line for document in self.documents for line in lines_of(document)]


def lines_of(document: str) -> list[str]:
    """Return the lines of a document, without their line ends."""
    return document.removesuffix("\n").split("\n")


@dataclass(frozen=True)
class TrainingText:
    """The text that a model may see: the training and validation splits, never the test split.

    Attributes:
        train: Documents to fit on.
        valid: Documents for tuning and early stopping.
        tokenized: Whether spaces already separate words and punctuation.
    """

    train: Split
    valid: Split
    tokenized: bool = False


@dataclass(frozen=True)
class Corpus:
    """A text in three splits.

    Attributes:
        name: How a user names the corpus.
        train: Documents to fit on.
        valid: Documents for tuning and early stopping.
        test: Documents to score.
        provenance: How the bytes became documents and splits; part of every signature.
        tokenized: Whether spaces already separate words and punctuation.
        description: Human-readable description, in one line.
        spaced: Whether white space separates words. If not, a perplexity per word means nothing.
        floor: (test documents,) nats that the source of the text needs for each document; None if it is unknown.
        floor_note: Human-readable description of the floor.
        note: What a reader of the corpus's numbers must know, as sentences; "" if there is nothing.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    provenance: str
    tokenized: bool = False
    description: str = ""
    spaced: bool = True
    floor: tuple[float, ...] | None = None
    floor_note: str = ""
    note: str = ""

    @property
    def training(self) -> TrainingText:
        """The part of the corpus that models are fitted on."""
        return TrainingText(self.train, self.valid, self.tokenized)


def with_line_end(text: str) -> str:
    """Return `text`, with a line end added if it lacks one."""
    return text if text.endswith("\n") else text + "\n"


def batches(documents: Iterable[str], characters: int) -> Iterator[tuple[str, ...]]:
    """Yield consecutive documents of about this many characters, to bound memory and to report progress."""
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= characters:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)
