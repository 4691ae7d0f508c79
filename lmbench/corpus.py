"""Documents, splits and their fingerprints, and how text files become them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word and its parts of speech: the universal one, and the language's own; ``_`` where there is none."""

    form: str
    upos: str
    xpos: str


@dataclass(frozen=True)
class Split:
    """One split's documents, in order: a tuple of them, or StoredDocuments that stay in their file.

    tagged  where the text is tagged: for each document its lines, each the words that its white space separates
    """

    documents: Sequence[str]
    tagged: tuple[tuple[tuple[TaggedWord, ...], ...], ...] | None = None

    @cached_property
    def size(self) -> int:
        """Number of UTF-8 bytes."""
        return sum(len(document.encode()) for document in self.documents)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the split's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document.encode())
        return digest.hexdigest()

    @property
    def lines(self) -> list[str]:
        """All lines, without their line ends."""
        return [line for document in self.documents for line in lines_of(document)]


def lines_of(document: str) -> list[str]:
    """A document's lines, without their line ends."""
    return document.removesuffix("\n").split("\n")


@dataclass(frozen=True)
class TrainingText:
    """What a model may see: the training and validation splits, never the test split.

    tokenized  whether words and punctuation are already separated by spaces
    """

    train: Split
    valid: Split
    tokenized: bool = False


@dataclass(frozen=True)
class Corpus:
    """A text with its splits.

    provenance      how the bytes became documents and splits, for the signature
    description  one line for people
    spaced       whether white space separates its words, so that a perplexity per word means something
    floor        nats that the source itself needs for each test document, where the source is known
    floor_note   what the floor is, for people
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

    @property
    def training(self) -> TrainingText:
        """The part of the corpus that models are fitted on."""
        return TrainingText(self.train, self.valid, self.tokenized)


def line_ended(text: str) -> str:
    """`text` with a line end, added where it has none."""
    return text if text.endswith("\n") else text + "\n"
