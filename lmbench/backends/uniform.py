"""The sanity row: every byte is equally likely."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lmbench.corpus import TrainingText
from lmbench.model import Footprint, LanguageModel
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents


class Uniform(LanguageModel):
    """Each of the 256 bytes with probability 1/256: exactly 8 bits per byte on any text."""

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """There is nothing to learn."""

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [_score(len(document.encode())) for document in documents]

    def signature(self) -> Signature:
        return Signature.of(tok="bytes", vocab=256)

    def state_after(self, text: str) -> ModelState:
        return _State()

    def footprint(self) -> Footprint:
        return Footprint(parameters=0, disk_bytes=0)


class _State(ModelState):
    def next_events(self) -> NextEvents:
        return NextEvents.of_bytes(np.full(256, -math.log(256)))

    def advance(self, event: int) -> None:
        """Whatever was read, all bytes stay equally likely."""


def _score(size: int) -> Score:
    return Score(np.arange(1, size + 1), np.full(size, -math.log(256)), np.zeros(size))
