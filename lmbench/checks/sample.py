"""Choose the documents of an audit."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats
from lmbench.score import Score

_DOCUMENTS, _MOST_DOCUMENTS = 6, 50
_ENOUGH_BYTES = 6_000


@dataclass(frozen=True, slots=True)
class AuditSample:
    """The documents of an audit, and the scores that the model gave them.

    Attributes:
        numbers: The numbers of the documents in the test split.
        documents: Their texts.
        scores: Their scores.
        seed: Seed of the random positions.
    """

    numbers: tuple[int, ...]
    documents: tuple[str, ...]
    scores: tuple[Score, ...]
    seed: str


def choose_documents(sizes: Sequence[int], seed: str) -> tuple[int, ...]:
    """Return the numbers of the documents to audit: the last one, and some others drawn in proportion to their size.

    These are six others, or as many as hold a few thousand bytes if the documents are small.

    Args:
        sizes: The size of each document of the test split.
        seed: Seed of the choice.
    """
    weights = np.array(sizes, dtype=np.float64)
    drawn = min(int(np.count_nonzero(weights)), max(_DOCUMENTS, min(_MOST_DOCUMENTS, _drawn_for(weights))))
    if not drawn:
        return (len(sizes) - 1,) if len(sizes) else ()
    generator = np.random.default_rng(random.Random(seed).getrandbits(64))
    chosen = generator.choice(len(weights), size=drawn, replace=False, p=weights / weights.sum())
    return tuple(sorted({*chosen.tolist(), len(weights) - 1}))


def _drawn_for(weights: Floats) -> int:
    """Return how many documents of the usual size hold enough text."""
    usual = float((weights**2).sum() / max(weights.sum(), 1))  # the mean size of a document drawn by its size
    return math.ceil(_ENOUGH_BYTES / max(usual, 1.0))
