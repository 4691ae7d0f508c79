"""Cloze: the missing last word of a passage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lmbench.tasks.choices import read_likelihoods
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.task import Completion, Continuation, Item, Metric, Request, Response
from lmbench.tasks.written import text_of


@dataclass(frozen=True)
class Cloze(PromptedTask):
    """Passages whose last word is missing (Paperno et al. 2016); the word is the only reference of an item."""

    kind: ClassVar[str] = "cloze"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "share of last words that the most likely event each time writes"),
        Metric("accuracy_written", "share of passages after which the model, left to write, writes the last word"),
        Metric("bits", "bits of the last word; its perplexity is 2 to the power of the mean", "bits", False),
    )

    def requests(self, item: Item) -> tuple[Request, ...]:
        """Ask for the probability of the last word, and for what the model writes instead of it."""
        context = self.write_context(item)
        word = Continuation(context, self.write_answer(self.answer_of(item)), greedy=True)
        return word, Completion(context, ("\n",), self.max_events)

    def measure(self, item: Item, responses: Sequence[Response]) -> dict[str, float | None]:
        """Return whether the word is predicted, whether it is written, and its bits."""
        [likelihood] = read_likelihoods(responses)
        text = text_of(responses)
        return {
            "accuracy": None if likelihood.is_greedy is None else float(likelihood.is_greedy),
            "accuracy_written": None if text is None else float(begins_with(text, self.answer_of(item))),
            "bits": -likelihood.logprob / math.log(2),
        }

    def chance(self, item: Item) -> dict[str, float]:
        """Return nothing: the words to guess from are not known."""
        return {}


def begins_with(text: str, word: str) -> bool:
    """Return whether a text begins with a word that ends there, or with a Chinese or Japanese text."""
    after = text[len(word) : len(word) + 1]
    return text.startswith(word) and not (word[-1:].isascii() and after.isascii() and after.isalnum())
