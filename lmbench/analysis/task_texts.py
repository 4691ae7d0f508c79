"""BLEU and chrF of all texts that a model wrote: sacrebleu's intervals, and its paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

import numpy as np

from lmbench.statistics import Estimate
from lmbench.tasks.task import Task
from lmbench.tasks.translation import make_bleu, make_chrf

if TYPE_CHECKING:  # slow to import
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

_RESAMPLES = 1000
_TRIALS = 1000


@dataclass(frozen=True, slots=True)
class WrittenTexts:
    """What models wrote, and the texts that it is compared with.

    Attributes:
        metric: The metric.
        task: The task.
        texts: Of each model, its text for each item.
    """

    metric: Literal["bleu", "chrf"]
    task: Task
    texts: Sequence[Sequence[str]]

    def estimate(self) -> list[Estimate]:
        """Return the value of each model, with the 95 % interval of sacrebleu's bootstrap."""
        return [self._estimate(texts) for texts in self.texts]

    def compare_with_first(self) -> list[float]:
        """Return the p of the difference of each other model to the first one, by approximate randomization."""
        from sacrebleu.significance import PairedTest, Result

        if len(self.texts) < 2:
            return []
        systems = [(str(number), texts) for number, texts in enumerate(self.texts)]
        test = PairedTest(systems, {self.metric: self._make_scorer()}, self._references, "ar", _TRIALS)
        _, found = test()
        [results] = [results for name, results in found.items() if name != "System"]
        return [
            float(result.p_value) for result in results if isinstance(result, Result) and result.p_value is not None
        ]

    @property
    def _references(self) -> list[tuple[str, ...]]:
        return list(zip_longest(*(item.references for item in self.task.items)))

    def _make_scorer(self) -> BLEU | CHRF:
        return make_chrf() if self.metric == "chrf" else make_bleu(self.task.language)

    def _estimate(self, texts: Sequence[str]) -> Estimate:
        """Return the value with its interval.

        This is what `corpus_score` of sacrebleu does, which fails if some resamples have no match: it cannot average
        their 0, a Python number, and NumPy's.
        """
        from sacrebleu.significance import _bootstrap_resample, estimate_ci

        scorer = self._make_scorer()
        statistics = scorer._extract_corpus_statistics(texts, self._references)
        _, resampled = _bootstrap_resample(statistics, scorer, _RESAMPLES)
        mean, half = estimate_ci(np.array([score.score for score in resampled], dtype=np.float64))
        value = scorer.corpus_score(texts, self._references).score
        return Estimate(float(value), max(float(mean - half), 0.0), min(float(mean + half), 100.0))
