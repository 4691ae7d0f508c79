"""Tasks in which a model chooses among answers, and also writes one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmbench.tasks.choices import chance_of_choice, choice_requests, measure_choices
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.task import Completion, Item, Request, Response, Written


@dataclass(frozen=True)
class WrittenTask(PromptedTask):
    """A task in which a model chooses among answers, if an item offers any, and also writes one.

    A subclass says how what a model wrote is measured.
    """

    @abstractmethod
    def measure_text(self, text: str, references: Sequence[str]) -> dict[str, float]:
        """Return the value of each metric of a text, which has no spaces at its ends."""

    def requests(self, item: Item) -> tuple[Request, ...]:
        """Ask for the probability of each choice, and for the answer itself in one line."""
        context = self.write_context(item)
        asked = choice_requests(context, [self.write_answer(choice) for choice in item.choices])
        return *asked, Completion(context, ("\n",), self.max_events)

    def measure(self, item: Item, responses: Sequence[Response]) -> Mapping[str, float | None]:
        """Return the accuracies of the choice, and the measures of the text that the model wrote."""
        choice = measure_choices(item, responses)
        text = text_of(responses)
        written = {} if text is None else self.measure_text(text, item.references)
        return {metric.name: choice.get(metric.name, written.get(metric.name)) for metric in self.metrics}

    def chance(self, item: Item) -> dict[str, float]:
        """Return the accuracies of a guess. What a guess would write is not known."""
        return chance_of_choice(item)


def text_of(responses: Sequence[Response]) -> str | None:
    """Return what a model wrote, without the spaces at its ends; None if it cannot write."""
    texts = [response.text for response in responses if isinstance(response, Written)]
    return texts[-1].strip() if texts and texts[-1] is not None else None
