"""The sanity row: every byte is equally likely."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lmbench.corpus import TrainingText
from lmbench.model import Footprint, LanguageModel, NextEvents, Progress, Reading, Score, Signature, silent


class Uniform(LanguageModel):
    """Each of the 256 bytes with probability 1/256: exactly 8 bits per byte on any text."""

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        """There is nothing to learn."""

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [_score(len(document.encode())) for document in documents]

    def signature(self) -> Signature:
        return Signature.of(tok="bytes", vocab=256)

    def reading(self, text: str) -> Reading:
        return _Reading()

    def footprint(self) -> Footprint:
        return Footprint(parameters=0, disk_bytes=0)


class _Reading(Reading):
    def next_events(self) -> NextEvents:
        return NextEvents.of_bytes(np.full(256, -math.log(256)))

    def read(self, event: int) -> None:
        """Whatever was read, all bytes stay equally likely."""


def _score(size: int) -> Score:
    return Score(np.arange(1, size + 1), np.full(size, -math.log(256)), np.zeros(size))
