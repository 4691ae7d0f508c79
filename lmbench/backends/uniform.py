"""The uniform model, a baseline and the shortest example of a LanguageModel.

A model is a subclass of LanguageModel with `fit`, `score` and `signature`; the other methods are optional.
This one does without options; a model with options declares a subclass of ModelOptions as its `Options`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lmbench.corpus import TrainingText
from lmbench.model import Footprint, LanguageModel, Saveable, Traits
from lmbench.progress import SILENT, Progress
from lmbench.saved import open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents

_LOGPROB = -math.log(256)  # nats


class Uniform(LanguageModel, Saveable):
    """Gives each of the 256 bytes the probability 1/256: exactly 8 bits per byte on any text."""

    traits = Traits(threads=1)

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Do nothing: there is nothing to learn."""

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [_score(len(document.encode())) for document in documents]

    def signature(self) -> Signature:
        return Signature.of(tok="bytes", vocab=256)

    def state_after(self, text: str) -> ModelState:
        return _UniformState()

    def save(self, folder: Path) -> None:
        write_saved(folder, self, {})

    def restore(self, folder: Path) -> None:
        with open_saved(folder, self):
            pass  # there is nothing to read

    def footprint(self) -> Footprint:
        return Footprint(parameters=0, disk_bytes=0)


class _UniformState(ModelState):
    def next_events(self) -> NextEvents:
        return NextEvents.of_bytes(np.full(256, _LOGPROB))

    def advance(self, event: int) -> None:
        """Do nothing: no byte changes the distribution."""


def _score(size: int) -> Score:
    """Return the score of a document of this many bytes. Each byte is an event, and none is an unknown word."""
    return Score(ends=np.arange(1, size + 1), logprobs=np.full(size, _LOGPROB), spelling=np.zeros(size))
