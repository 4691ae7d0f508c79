"""NLTK's counts in arrays, which become NLTK's objects when NLTK asks for them.

NLTK makes an object for each context. Making all of them takes half as long as counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from nltk.lm import NgramCounter
from nltk.probability import FreqDist
from numpy.typing import NDArray

from lmbench.arrays import Flags, Int32s

Context = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CountTable:
    """The counts of n-grams of one length.

    Attributes:
        ngrams: (n-grams, length) int32, ids. N-grams with the same context, all words but the last, are in a row.
        counts: (n-grams,)
    """

    ngrams: NDArray[np.int32]
    counts: Int32s

    @classmethod
    def of(cls, counter: NgramCounter, length: int) -> CountTable:
        """Return the counts of n-grams of one length."""
        after = {(): counter.unigrams} if length == 1 else counter[length]
        sizes = np.fromiter(map(len, after.values()), np.int64, len(after))
        contexts = np.fromiter(chain.from_iterable(after), np.int32, len(after) * (length - 1))
        total = int(sizes.sum())
        ngrams = np.empty((total, length), np.int32)
        ngrams[:, :-1] = np.repeat(contexts.reshape(len(after), length - 1), sizes, axis=0)
        # FreqDist sorts its words by their counts when it is iterated over, but its keys and values are not sorted
        ngrams[:, -1] = np.fromiter(chain.from_iterable(words.keys() for words in after.values()), np.int32, total)
        counts = np.fromiter(chain.from_iterable(words.values() for words in after.values()), np.int32, total)
        return cls(ngrams, counts)

    def count_continuations(self) -> CountTable:
        """Return the shorter n-grams without the first word, each with the number of distinct words before it."""
        shorter = self.ngrams[:, 1:]
        shorter = shorter[np.lexsort(shorter.T[::-1])]
        first = np.flatnonzero(_changes(shorter))
        return CountTable(shorter[first], np.diff(first, append=len(shorter)).astype(np.int32))

    def first_of_contexts(self) -> NDArray[np.int64]:
        """Return the row at which each context begins."""
        return np.flatnonzero(_changes(self.ngrams[:, :-1]))


class CountsAfter(dict[Context, Any]):
    """The counts of the words after each context of one length, as NLTK's FreqDist."""

    def __init__(self, table: CountTable) -> None:
        first = table.first_of_contexts()
        self._words, self._counts = table.ngrams[:, -1], table.counts
        self._borders = np.append(first, len(table.counts))
        self._numbers = dict(zip(map(tuple, table.ngrams[first, :-1].tolist()), range(len(first)), strict=True))

    def __missing__(self, context: Context) -> Any:
        number = self._numbers.get(context)
        if number is None:
            return FreqDist()
        rows = slice(*self._borders[number : number + 2])
        counts = FreqDist(dict(zip(self._words[rows].tolist(), self._counts[rows].tolist(), strict=True)))
        self[context] = counts
        return counts


class TabulatedCounter:
    """Stands for NLTK's NgramCounter.

    Args:
        tables: The counts of n-grams of each length, from unigrams up.

    Attributes:
        unigrams: The counts of words, as a FreqDist.
    """

    def __init__(self, tables: Sequence[CountTable]) -> None:
        self._after = [CountsAfter(table) for table in tables]
        self.unigrams = self._after[0][()]

    def __getitem__(self, key: int | Context) -> Any:
        """Return the counts of n-grams of a length, or of the words after a context."""
        return self._after[key - 1] if isinstance(key, int) else self._after[len(key)][key]


def _changes(rows: NDArray[np.int32]) -> Flags:
    """Return whether each row differs from the row before it, (rows,); the first one does."""
    changes = np.ones(len(rows), dtype=bool)
    changes[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return changes
