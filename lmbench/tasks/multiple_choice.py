"""Multiple choice: which of the answers to a question is likeliest?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lmbench.tasks import choices
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.task import Continuation, Item, Metric, Response


@dataclass(frozen=True)
class MultipleChoice(PromptedTask):
    """Questions with answers to choose from."""

    kind: ClassVar[str] = "multiple-choice"
    metrics: ClassVar[tuple[Metric, ...]] = choices.METRICS

    def requests(self, item: Item) -> tuple[Continuation, ...]:
        """Ask for the probability of each choice after the question, and without it."""
        return choices.choice_requests(self.write_context(item), [self.write_answer(c) for c in item.choices])

    def measure(self, item: Item, responses: Sequence[Response]) -> dict[str, float | None]:
        """Return the four accuracies."""
        return choices.measure_choices(item, responses)

    def chance(self, item: Item) -> dict[str, float]:
        """Return the accuracies of a guess."""
        return choices.chance_of_choice(item)
