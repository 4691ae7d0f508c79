"""Minimal pairs: which of two texts, a good one and a bad one, is likelier?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lmbench.tasks.choices import ACCURACY, credit, read_likelihoods
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.task import Continuation, Item, Metric, Response


@dataclass(frozen=True)
class MinimalPairs(PromptedTask):
    """Pairs of texts of which the first is acceptable (Warstadt et al. 2020).

    Texts of a pair are compared whole: by their log-probability, which no length divides.
    """

    kind: ClassVar[str] = "minimal-pairs"
    metrics: ClassVar[tuple[Metric, ...]] = (ACCURACY,)

    def requests(self, item: Item) -> tuple[Continuation, ...]:
        """Ask for the probability of both texts."""
        return tuple(Continuation(item.context, self.write_answer(choice)) for choice in item.choices)

    def measure(self, item: Item, responses: Sequence[Response]) -> dict[str, float | None]:
        """Return whether the good text is likelier."""
        logprobs = [answer.logprob for answer in read_likelihoods(responses)]
        return {"accuracy": credit(logprobs, item.gold or 0)}

    def chance(self, item: Item) -> dict[str, float]:
        """Return the accuracy of a guess."""
        return {"accuracy": 1 / len(item.choices)}
