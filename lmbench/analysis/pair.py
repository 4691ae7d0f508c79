"""A model and a baseline on the same test text: their difference, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lmbench.analysis.ranking import Contender
from lmbench.runs.records import CorpusRecord
from lmbench.statistics import Comparison, Units

Verdict = Literal["same", "too few", "equal", "better", "worse", "not shown"]

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Pair:
    """A model and a baseline on the same test text.

    Attributes:
        corpus: The text, as the model's run read it.
        other_corpus: The text, as the baseline's run read it. Its training split may be another one.
        model: The model and its bits.
        baseline: The baseline and its bits.
        comparison: The model as the first one, and the baseline as the second one.
        units: What was resampled.
        margin: Bits per byte within which the two are equal.
    """

    corpus: CorpusRecord
    other_corpus: CorpusRecord
    model: Contender
    baseline: Contender
    comparison: Comparison
    units: Units
    margin: float

    @property
    def model_rate(self) -> float:
        """Bits per byte of the model."""
        return self.model.total / self.comparison.size

    @property
    def baseline_rate(self) -> float:
        """Bits per byte of the baseline."""
        return self.baseline.total / self.comparison.size

    @property
    def is_same(self) -> bool:
        """Whether both need the same bits for each document under each seed, up to rounding."""
        return agree(self.model, self.baseline)

    @property
    def verdict(self) -> Verdict:
        """How the model does: better or worse than the baseline by more than chance and the margin, or neither."""
        if self.is_same:
            return "same"
        if self.units.are_too_few:
            return "too few"
        if self.comparison.equal:
            return "equal"
        if not self.comparison.differs:
            return "not shown"
        return "better" if self.comparison.difference.value < 0 else "worse"

    @property
    def relative(self) -> float | None:
        """The difference as a share of the baseline's bits per byte; None if these are 0."""
        return self.comparison.difference.value / self.baseline_rate if self.baseline.total else None

    @property
    def sought(self) -> float:
        """The size of the observed difference, or the margin if that is larger."""
        return max(abs(self.comparison.difference.value), self.margin)

    @property
    def bytes_needed(self) -> float | None:
        """How many bytes of such text show a difference of the size `sought`; None if `sought` is 0."""
        return self.comparison.bytes_needed(self.sought) if self.sought > 0 else None

    @property
    def is_trained_differently(self) -> bool:
        """Whether the two runs have other training or validation texts."""
        return any(
            getattr(self.corpus, name) != getattr(self.other_corpus, name)
            for name in ("train_fingerprint", "valid_fingerprint")
        )


def agree(model: Contender, baseline: Contender) -> bool:
    """Return whether two models need the same bits, up to rounding."""
    bits, others = model.bits, baseline.bits
    return bits.shape == others.shape and bool(np.allclose(bits, others, rtol=_ROUNDING, atol=0))
