"""Tasks whose questions are prompts, perhaps with solved items before them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

from lmbench.signature import Signature
from lmbench.tasks.checking import right_answer
from lmbench.tasks.task import Item, Task

_MOST_EVENTS = 256
_SPARE_EVENTS = 16


@dataclass(frozen=True)
class PromptedTask(Task):
    """A task whose items have a context, after which an answer follows.

    The names and the defaults of the three texts around an answer are those of lm-evaluation-harness.

    Attributes:
        delimiter: The text between a context and an answer.
        ending: The text after an answer.
        separator: The text between a solved item and the next one.
        prompt: How contexts were written, for the signature, such as "Question: {question}\\nAnswer:".
    """

    delimiter: str = " "
    ending: str = ""
    separator: str = "\n\n"
    prompt: str = "{context}"

    def answer_of(self, item: Item) -> str:
        """Return the right answer of an item, plain."""
        return right_answer(item)

    def write_answer(self, answer: str) -> str:
        """Return an answer as it follows a context."""
        return self.delimiter + answer + self.ending

    def solve(self, item: Item) -> str:
        """Return an item with its right answer."""
        return item.context + self.write_answer(self.answer_of(item))

    def write_context(self, item: Item) -> str:
        """Return the context of an item, after as many solved examples as the task has shots."""
        return "".join(self.solve(example) + self.separator for example in self.draw_examples(item)) + item.context

    def draw_examples(self, item: Item) -> list[Item]:
        """Return the examples before an item; which ones depends on the seed and the item's identity."""
        return Random(f"{self.seed}:{item.id}").sample(self.examples, self.shots) if self.shots else []

    @cached_property
    def max_events(self) -> int:
        """The most events that a model writes as an answer: enough for the bytes of the longest reference."""
        longest = max((len(text.encode()) for item in self.items for text in item.references), default=0)
        return min(longest + _SPARE_EVENTS, _MOST_EVENTS)

    def signature(self) -> Signature:
        """Return the kind, the prompt and what surrounds an answer, the shots, the seed and the items' provenance."""
        texts = {"prompt": self.prompt, "delimiter": self.delimiter, "ending": self.ending}
        if self.shots:
            texts["separator"] = self.separator
        return Signature.of(
            task=f"{self.kind}-{self.version}",
            **{name: repr(text)[1:-1] for name, text in texts.items()},
            shots=self.shots,
            seed=self.seed,
            items=self.provenance,
        )
