"""Bits by training frequency: how much rare and unseen words cost each model.

The frequency of a word is how often it occurs in the training split, as it is written. Classes are 0, 1, 2–5, 6–20,
21–100, 101–1,000 and over 1,000 occurrences. The literal word ``<unk>``, with which some corpora replace rare words,
and line ends are classes of their own. The unit is bits per word.

A count model does not know a word that it has never seen, and pays for its letters. A model of pieces or bytes knows
its parts, and a pretrained model may have read it elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.classes import LINE_ENDS, UNKNOWN, Classes, ClassPicture, sum_classes
from lmbench.analysis.words import WordRows

if TYPE_CHECKING:
    import pandas as pd

FREQUENCY = ClassPicture(
    "Surprisal by training frequency",
    "Bits for each word of the test text, by how often the word occurs in the training text.",
    "occurrences in the training text",
    apart=(UNKNOWN, LINE_ENDS),
)

_STEPS = (0, 1, 5, 20, 100, 1000)


def measure_by_frequency(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by their frequency in training; classes.py describes the columns."""
    words = rows.words
    counts = np.bincount(words.training[words.training >= 0], minlength=len(words.types))
    special = {UNKNOWN: words.are(UNKNOWN), LINE_ENDS: words.are_line_ends}
    return sum_classes(rows, Classes.of_steps(counts[words.numbers], _STEPS, special))
