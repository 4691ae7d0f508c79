"""Memorization: bits by how much of the text before a word, and the word itself, the training text has verbatim.

The **match** of a word is the largest number of words that end with it and occur in the training split in this order,
line ends included. It is 0 if the word itself does not occur there, and it is counted up to 13. A match does not cross
the border of a document. A model whose bits fall with longer matches has learned them by heart; an n-gram model of
order n cannot distinguish matches longer than n.

13 words is the length of the n-grams by which Brown et al. ("Language models are few-shot learners", 2020) find test
text in training text. The second frame leaves out all words of such n-grams:

- ``bits_per_byte``: of the whole text.
- ``shared``: the share of its bytes in words of 13-grams that the training split has.
- ``without``, ``low``, ``high``: bits per byte of the other words, with the 95 % interval; NaN if there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.classes import Classes, ClassPicture, sum_classes
from lmbench.analysis.words import WordRows
from lmbench.arrays import Flags, Ints
from lmbench.corpora.overlap import LENGTH
from lmbench.statistics import Estimate, estimate_sums

if TYPE_CHECKING:
    import pandas as pd

MATCHES = ClassPicture(
    "Surprisal by match in the training text",
    "Bits for each word of the test text, by how many words up to it occur in the training text in this order.",
    "words of the longest match",
    apart=(),
)

_STEPS = (0, 1, 2, 3, 4, 6, 9, 12)


def measure_by_match(rows: WordRows, matches: Ints) -> pd.DataFrame:
    """Return the bits of words by their longest match in training; classes.py describes the columns.

    Args:
        rows: The words of the text.
        matches: (words,) the matches that `find_matches` returns.
    """
    return sum_classes(rows, Classes.of_steps(matches, _STEPS, {}))


def measure_unshared(rows: WordRows, matches: Ints) -> pd.DataFrame:
    """Return the bits per byte of each model without the words of shared 13-grams; a row for each model.

    Args:
        rows: The words of the text.
        matches: (words,) the matches that `find_matches` returns.
    """
    import pandas as pd

    text, units = rows.text, rows.text.units
    is_kept = ~np.logical_or.reduceat(find_shared(matches), rows.borders[:-1])
    sizes = units.sum(text.sum_documents((text.ends - text.starts) * is_kept))
    kept = units.sum(text.sum_documents(text.bits * is_kept))
    estimates = estimate_sums(kept, sizes) if sizes.any() else [Estimate(np.nan)] * len(kept)
    rest = [
        {
            "model": model,
            "bits_per_byte": total / units.sizes.sum(),
            "shared": 1 - sizes.sum() / units.sizes.sum(),
            "without": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
        }
        for model, total, estimate in zip(text.models, text.totals.tolist(), estimates, strict=True)
    ]
    return pd.DataFrame(rest).astype({"low": float, "high": float})


def find_matches(rows: WordRows) -> Ints:
    """Return the longest match of each word in the training split, up to 13, (words,)."""
    words = rows.words
    firsts = np.flatnonzero(np.diff(words.documents, prepend=-1))
    test = np.insert(words.numbers, firsts, -1)
    return match_lengths(test, words.training, LENGTH)[test >= 0]


def find_shared(matches: Ints) -> Flags:
    """Return whether each word is in a 13-gram that the training split has, (words,)."""
    ends = np.flatnonzero(matches >= LENGTH)
    covered = np.zeros(len(matches), dtype=np.bool_)
    for back in range(LENGTH):
        covered[ends - back] = True
    return covered


def match_lengths(test: Ints, train: Ints, most: int) -> Ints:
    """Return the length of the longest sequence that ends at each place of one text and occurs in another one.

    Sequences that both texts have get numbers, from those that are one word shorter. Longer ones are sought only there.

    Args:
        test: (places,) numbers of words from 0 up; -1 separates documents, and is the first one.
        train: (other places,) the same of the other text.
        most: The length up to which sequences are compared.
    """
    size = int(max(test.max(), train.max())) + 1
    lengths = np.zeros(len(test), dtype=np.int64)
    grams, others = test, train
    for length in range(1, most + 1):
        if length > 1:
            grams, others = _extend(grams, test, size), _extend(others, train, size)
        grams, others = _number_shared(grams, others)
        lengths[grams >= 0] = length
    return lengths


def _extend(grams: Ints, words: Ints, size: int) -> Ints:
    """Return the numbers of sequences that are one word longer; -1 if there is none."""
    before = np.roll(grams, 1)
    return np.where((before >= 0) & (words >= 0), before * size + words, -1)


def _number_shared(grams: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Return numbers of the sequences that both texts have, -1 for all others."""
    known, numbers = np.unique(grams, return_inverse=True)
    candidates = np.flatnonzero(others >= 0)
    places = np.minimum(np.searchsorted(known, others[candidates]), len(known) - 1)
    is_found = known[places] == others[candidates]
    is_shared = np.zeros(len(known), dtype=np.bool_)
    is_shared[places[is_found]] = True
    numbered = np.full(len(others), -1)
    numbered[candidates[is_found]] = places[is_found]
    return np.where(is_shared[numbers], numbers, -1), numbered
