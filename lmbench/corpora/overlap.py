"""How much of a test split a model may have read in training: shared 13-grams, and documents that stand twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lmbench.corpus import Corpus, Split

Hashes = NDArray[np.uint64]

LENGTH = 13
"""Words of an n-gram that counts as the same text, as in Brown et al. 2020, "Language models are few-shot learners"."""

_PIECE = 1 << 20  # characters of documents that are hashed together
_MOST = 1 << 22  # 13-grams of the test split that are looked up; of more, an evenly drawn part
_PREFIX = 23  # bits
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_MULTIPLIER), -1, 1 << 64))
_WHITE = tuple(chr(code) for code in range(0x3001) if chr(code).isspace() and chr(code) not in " \n")
_BETWEEN = re.compile(r"\s+")


class Overlap(BaseModel):
    """What a test split shares with its training split.

    unit        what the n-grams are of: "words", separated by white space, or "characters" where no white space is
    looked_up   13-grams of the test split, in its running text, that were looked up in the training split
    every       1 where these are all; k where they are about one in k, chosen by their hash
    shared      those of them that the training split has
    documents   test documents that are not blank
    repeated    those of them that are, byte for byte, training documents too
    repeated_valid  validation documents, not blank, that are training or test documents too
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str
    looked_up: int
    every: int
    shared: int
    documents: int
    repeated: int
    repeated_valid: int

    @property
    def share(self) -> float:
        """Share of the test split's 13-grams that the training split has; 0 where it has none."""
        return self.shared / self.looked_up if self.looked_up else 0.0

    def __str__(self) -> str:
        drawn = f", of one in {self.every}," if self.every > 1 else ""
        ngrams = f"{self.share:.2%} of the test split's {LENGTH}-grams of {self.unit}{drawn}"
        documents = f"{self.repeated:,} of its {self.documents:,} documents"
        valid = f"; {self.repeated_valid:,} validation documents stand in another split too"
        return (
            f"{ngrams} ({self.shared:,} of {self.looked_up:,}) are in the training split, as are {documents}"
            f"{valid if self.repeated_valid else ''}"
        )


def overlap(corpus: Corpus) -> Overlap:
    """What the corpus's test split shares with its training split.

    N-grams and documents are compared by 64-bit hashes: that one counts as one of n others is a chance of n in 2^64.
    Memory: some 200 MiB, whatever the size of the corpus, and some 50 bytes a document.
    """
    every = 1 + corpus.test.size // (4 * _MOST)
    test = np.sort(_sampled(corpus.test, corpus.spaced, every))
    found = np.zeros(len(test), dtype=np.bool_)
    begins = np.zeros(1 << _PREFIX, dtype=np.bool_)  # by which most of the others are known
    begins[test >> np.uint64(64 - _PREFIX)] = True
    for hashes in _ngrams(corpus.train, corpus.spaced) if len(test) else ():
        hashes = hashes[begins[hashes >> np.uint64(64 - _PREFIX)]]
        rows = np.minimum(np.searchsorted(test, hashes), len(test) - 1)
        found[rows[test[rows] == hashes]] = True
    firsts = np.searchsorted(test, test)  # equal ones stand together, and the first of them was found
    train, valid, tested = (_digests(split) for split in (corpus.train, corpus.valid, corpus.test))
    return Overlap(
        unit="words" if corpus.spaced else "characters",
        looked_up=len(test),
        every=every,
        shared=int(found[firsts].sum()),
        documents=len(tested),
        repeated=int(np.isin(tested, train).sum()),
        repeated_valid=int(np.isin(valid, np.concatenate([train, tested])).sum()),
    )


def _sampled(split: Split, spaced: bool, every: int) -> Hashes:
    parts = [hashes[hashes % np.uint64(every) == 0] for hashes in _ngrams(split, spaced)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _ngrams(split: Split, spaced: bool) -> Iterator[Hashes]:
    """Hashes of the 13-grams of a split's running text, which go across lines and documents, piece by piece."""
    kept = np.zeros(0, dtype=np.uint64)  # of the words before, which the next n-grams begin in
    for text in _pieces(split.documents):
        words = np.concatenate([kept, _word_hashes(text, spaced)])
        kept = words[-(LENGTH - 1) :]
        if len(words) >= LENGTH:
            yield _combined(words)


def _pieces(documents: Iterable[str]) -> Iterator[str]:
    piece: list[str] = []
    size = 0
    for document in documents:
        piece.append(document)
        size += len(document)
        if size >= _PIECE:
            yield "\n".join(piece)
            piece, size = [], 0
    yield "\n".join(piece)


def _word_hashes(text: str, spaced: bool) -> Hashes:
    """One hash for each word, or for each character where no white space is.

    A word's is a polynomial of its bytes modulo 2^64: the difference of those of two beginnings of the text, divided by
    the power that the first byte has there.
    """
    if not spaced:
        code_points = np.frombuffer(_BETWEEN.sub("", text).encode("utf-32-le"), dtype=np.uint32)
        return _mixed(code_points.astype(np.uint64) + np.uint64(1))
    if any(white in text for white in _WHITE):
        text = " ".join(text.split())
    data = np.frombuffer(f" {text} ".encode(), dtype=np.uint8)
    borders = np.flatnonzero(np.diff((data != ord(" ")) & (data != ord("\n"))))
    starts, ends = borders[::2] + 1, borders[1::2] + 1
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum((data + np.uint64(1)) * _powers(_MULTIPLIER, len(data)), out=sums[1:])
    return _mixed((sums[ends] - sums[starts]) * _powers(_INVERSE, len(data))[starts])


def _powers(base: np.uint64, count: int) -> Hashes:
    """base, base^2, …, modulo 2^64."""
    if count > 4 * _PIECE:  # a long document; what it needs is not kept
        return _first_powers.__wrapped__(base, count)
    return _first_powers(base, 1 << (count - 1).bit_length())[:count]


@lru_cache(maxsize=2)  # most pieces of a text are about as long as each other
def _first_powers(base: np.uint64, count: int) -> Hashes:
    return np.multiply.accumulate(np.full(count, base))


def _combined(words: Hashes) -> Hashes:
    """One hash for each 13 words in a row: a polynomial of theirs modulo 2^64, mixed."""
    count = len(words) - LENGTH + 1
    sums = np.zeros(count, dtype=np.uint64)
    for i in range(LENGTH):
        sums = sums * _MULTIPLIER + words[i : i + count]
    return _mixed(sums)


def _mixed(values: Hashes) -> Hashes:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _digests(split: Split) -> Hashes:
    """A digest of each document that is not blank."""
    digests = (hashlib.blake2b(d.encode(), digest_size=8).digest() for d in split.documents if d.strip())
    return np.fromiter((int.from_bytes(digest) for digest in digests), dtype=np.uint64)
