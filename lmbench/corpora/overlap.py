"""Overlap of a test split with its training split: shared 13-grams and repeated documents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lmbench.corpus import Corpus, Split, batches

Hashes = NDArray[np.uint64]

LENGTH = 13
"""Words of the n-grams that are compared, as in Brown et al. 2020, "Language models are few-shot learners"."""

_PIECE = 1 << 20  # characters that are hashed together
_MOST = 1 << 22  # 13-grams of the test split that are looked up; if there are more, an even sample of them
_PREFIX = 23  # bits
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_MULTIPLIER), -1, 1 << 64))
_OTHER_WHITE_SPACE = tuple(chr(code) for code in range(0x3001) if chr(code).isspace() and chr(code) not in " \n")
_WHITE_SPACE = re.compile(r"\s+")


class Overlap(BaseModel):
    """The text that a test split shares with its training split.

    Attributes:
        unit: The unit of the n-grams: "words", or "characters" if white space does not separate words.
        looked_up: Number of 13-grams of the test split that were looked up in the training split.
        every: 1 if these are all 13-grams; k if they are about one in k, sampled by their hashes.
        shared: Number of them that the training split contains.
        documents: Number of test documents.
        repeated: Number of them, blank ones aside, that are also training documents, byte for byte.
        repeated_valid: Number of validation documents, blank ones aside, that are also training or test documents.
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
        """Share of the test split's 13-grams that the training split contains; 0 if the test split has none."""
        return self.shared / self.looked_up if self.looked_up else 0.0

    def __str__(self) -> str:
        sample = f", sampled one in {self.every}," if self.every > 1 else ""
        ngrams = f"{self.share:.2%} of the test split's {LENGTH}-grams of {self.unit}{sample}"
        documents = f"{self.repeated:,} of its {self.documents:,} document{'s' * (self.documents != 1)}"
        valid = f"; {self.repeated_valid:,} validation documents are also in another split"
        return (
            f"{ngrams} ({self.shared:,} of {self.looked_up:,}) and {documents} are also in the training split"
            f"{valid if self.repeated_valid else ''}"
        )


def measure_overlap(corpus: Corpus) -> Overlap | None:
    """Measure what the corpus's test split shares with its training split; return None if it does not have one.

    N-grams and documents are compared by 64-bit hashes: the chance that an n-gram counts as one of n others by mistake
    is n in 2^64. This takes about 200 MiB of memory for a corpus of any size, and 50 bytes for each document.
    """
    if not corpus.train.documents:
        return None
    every = 1 + corpus.test.size // (4 * _MOST)
    test = np.sort(_sample(corpus.test, corpus.spaced, every))
    found = np.zeros(len(test), dtype=np.bool_)
    prefixes = np.zeros(1 << _PREFIX, dtype=np.bool_)  # most hashes of the training split are discarded by their prefix
    prefixes[test >> np.uint64(64 - _PREFIX)] = True
    for hashes in _hash_ngrams(corpus.train, corpus.spaced) if len(test) else ():
        hashes = hashes[prefixes[hashes >> np.uint64(64 - _PREFIX)]]
        rows = np.minimum(np.searchsorted(test, hashes), len(test) - 1)
        found[rows[test[rows] == hashes]] = True
    firsts = np.searchsorted(test, test)  # of equal hashes, only the first one was marked as found
    train, valid, tested = (_hash_documents(split) for split in (corpus.train, corpus.valid, corpus.test))
    return Overlap(
        unit="words" if corpus.spaced else "characters",
        looked_up=len(test),
        every=every,
        shared=int(found[firsts].sum()),
        documents=len(corpus.test.documents),
        repeated=int(np.isin(tested, train).sum()),
        repeated_valid=int(np.isin(valid, np.concatenate([train, tested])).sum()),
    )


def find_shared(items: Sequence[Sequence[str]], train: Split, spaced: bool) -> tuple[int, int]:
    """Return how many items have 13 words in a row, and how many of them share 13 with a split.

    Args:
        items: The texts of each item; n-grams do not cross their borders.
        train: The training split.
        spaced: Whether white space separates words. If not, characters stand for words.
    """
    parts = ([_hash_words(text, spaced) for text in texts] for texts in items)
    long = ([hashes for hashes in words if len(hashes) >= LENGTH] for words in parts)
    ngrams = [np.concatenate([_combine(hashes) for hashes in words]) for words in long if words]
    if not ngrams:
        return 0, 0
    wanted = np.unique(np.concatenate(ngrams))
    found = [hashes[np.isin(hashes, wanted)] for hashes in _hash_ngrams(train, spaced)]
    shared = np.concatenate(found) if found else wanted[:0]
    return len(ngrams), sum(bool(np.isin(hashes, shared).any()) for hashes in ngrams)


def _sample(split: Split, spaced: bool, every: int) -> Hashes:
    parts = [hashes[hashes % np.uint64(every) == 0] for hashes in _hash_ngrams(split, spaced)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _hash_ngrams(split: Split, spaced: bool) -> Iterator[Hashes]:
    """Yield the hashes of the 13-grams of a split's running text; n-grams cross the borders of lines and documents."""
    kept = np.zeros(0, dtype=np.uint64)  # of the last words, in which the next n-grams begin
    for documents in batches(split.documents, _PIECE):
        words = np.concatenate([kept, _hash_words("\n".join(documents), spaced)])
        kept = words[-(LENGTH - 1) :]
        if len(words) >= LENGTH:
            yield _combine(words)


def _hash_words(text: str, spaced: bool) -> Hashes:
    """Return the hash of each word, or of each character except white space if the text is not spaced.

    The hash of a word is a polynomial of its bytes modulo 2^64: the difference between the polynomials of two prefixes
    of the text, divided by the power of the word's first byte.
    """
    if not spaced:
        code_points = np.frombuffer(_WHITE_SPACE.sub("", text).encode("utf-32-le"), dtype=np.uint32)
        return _mix(code_points.astype(np.uint64) + np.uint64(1))
    if any(character in text for character in _OTHER_WHITE_SPACE):
        text = " ".join(text.split())
    data = np.frombuffer(f" {text} ".encode(), dtype=np.uint8)
    borders = np.flatnonzero(np.diff((data != ord(" ")) & (data != ord("\n"))))
    starts, ends = borders[::2] + 1, borders[1::2] + 1
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum((data + np.uint64(1)) * _powers(_MULTIPLIER, len(data)), out=sums[1:])
    return _mix((sums[ends] - sums[starts]) * _powers(_INVERSE, len(data))[starts])


def _powers(base: np.uint64, count: int) -> Hashes:
    """Return base, base^2, …, modulo 2^64."""
    if count > 4 * _PIECE:  # a long document, whose powers would fill the cache
        return _first_powers.__wrapped__(base, count)
    return _first_powers(base, 1 << (count - 1).bit_length())[:count]


@lru_cache(maxsize=2)  # most pieces of a text have about the same length
def _first_powers(base: np.uint64, count: int) -> Hashes:
    return np.multiply.accumulate(np.full(count, base))


def _combine(words: Hashes) -> Hashes:
    """Return the hash of each 13 consecutive words: a polynomial of their hashes modulo 2^64, mixed."""
    count = len(words) - LENGTH + 1
    sums = np.zeros(count, dtype=np.uint64)
    for i in range(LENGTH):
        sums = sums * _MULTIPLIER + words[i : i + count]
    return _mix(sums)


def _mix(values: Hashes) -> Hashes:
    """Apply the finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hash_documents(split: Split) -> Hashes:
    """Return the hash of each document that is not blank."""
    digests = (hashlib.blake2b(d.encode(), digest_size=8).digest() for d in split.documents if d.strip())
    return np.fromiter((int.from_bytes(digest) for digest in digests), dtype=np.uint64)
