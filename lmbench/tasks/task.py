"""The contract of a task: its items, what each item asks of a model, and how the answers are measured.

A task asks for two things, which every family of models is asked for in the same way: the log-probability of a text
after a context, and the text that a model writes after a prompt. The process of a model answers these requests and
nothing else; answers are measured in the process of the run, so that a model never sees which answer is right.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

from lmbench.corpora.catalog import PublishedTable
from lmbench.corpus import TrainingText
from lmbench.identity import identify_code
from lmbench.signature import Signature


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a task.

    Attributes:
        id: Its identity, unique in the task.
        context: What stands before each choice, or what a model writes after; "" if there is nothing.
        choices: The answers to choose from, if the task offers any.
        gold: The index of the right choice; None without choices.
        references: The texts that a written answer is compared with, if the task has the model write one.
        groups: (name, value) pairs by which results are broken down, such as ("paradigm", "anaphor_agreement").
    """

    id: str
    context: str = ""
    choices: tuple[str, ...] = ()
    gold: int | None = None
    references: tuple[str, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Continuation:
    """Asks for log P(text | context).

    Attributes:
        context: The context; "" for the probability of the text alone.
        text: The text.
        greedy: Whether to find out if choosing the most likely event each time writes the text.
    """

    context: str
    text: str
    greedy: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """Asks for the text that a model writes after a prompt, the most likely event each time.

    Attributes:
        prompt: The prompt.
        stop: Texts at the first of which the answer ends; they are not a part of it.
        max_events: The most events to write.
    """

    prompt: str
    stop: tuple[str, ...] = ("\n",)
    max_events: int = 64


Request = Continuation | Completion


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The answer to a Continuation.

    Attributes:
        logprob: log P(text | context), in nats.
        events: The number of events that end within the text.
        is_greedy: Whether choosing the most likely event each time writes the text; None if that was not asked for, or
            if the model offers no distribution.
    """

    logprob: float
    events: int
    is_greedy: bool | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The answer to a Completion.

    Attributes:
        text: What the model wrote, up to the first stop; None if it cannot write.
    """

    text: str | None


Response = Likelihood | Written


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of answers. Its value for a model is the mean over the items, unless `corpus` is set.

    Attributes:
        name: Its name, such as "accuracy".
        description: What it is, in one line.
        unit: "share" for values from 0 to 1 that tables show in percent; "score" for values that a library defines from
            0 to 100; "bits".
        higher_is_better: Whether more is better.
        corpus: The name of a metric that a library computes from all texts at once, such as "bleu"; "" if the value is
            a mean over the items.
    """

    name: str
    description: str
    unit: Literal["share", "score", "bits"] = "share"
    higher_is_better: bool = True
    corpus: Literal["", "bleu", "chrf"] = ""


@dataclass(frozen=True)
class Task(ABC):
    """Items, what each of them asks of a model, and how the answers are measured.

    A subclass is a kind of task. Its `requests` and `measure` are pure functions.

    Attributes:
        name: How a user names the task, with its options.
        items: The items, in order.
        training: The text that models are fitted on before they answer.
        training_name: The name of that text, for tables.
        shots: How many solved items stand before each question.
        examples: The items that these are drawn from; never those that are asked.
        seed: Seed of the draw.
        language: The language's code, such as "en".
        description: Human-readable description, in one line.
        license: The license of the items.
        citation: Where the task was published.
        provenance: How the items came about: files, splits, limits; part of the signature.
        note: What a reader of the numbers must know, as sentences; "" if there is nothing.
        published_by: Figures from the literature on the groups of its items.
    """

    kind: ClassVar[str]
    """The name of the kind, such as "multiple-choice"."""

    metrics: ClassVar[tuple[Metric, ...]]
    """The measures; the first one ranks the models."""

    version: ClassVar[int] = 1
    """The version of the kind. Raise it if the same answers give other numbers than before."""

    name: str
    items: tuple[Item, ...]
    training: TrainingText | None = None
    training_name: str = ""
    shots: int = 0
    examples: tuple[Item, ...] = ()
    seed: int = 0
    language: str = ""
    description: str = ""
    license: str = ""
    citation: str = ""
    provenance: str = ""
    note: str = ""
    published_by: PublishedTable | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a model's numbers depend on, apart from the training text."""
        found = hashlib.sha256(repr((self.name, self.kind, self.version, identify_code(type(self)))).encode())
        for item in self.items:
            found.update(repr((item, self.requests(item))).encode())
        return found.hexdigest()

    @abstractmethod
    def requests(self, item: Item) -> tuple[Request, ...]:
        """Return what an item asks of a model. The solved examples are part of the contexts and prompts."""

    @abstractmethod
    def measure(self, item: Item, responses: Sequence[Response]) -> Mapping[str, float | None]:
        """Return the value of each metric for an item; None if the model could not answer, as it cannot write text.

        Args:
            item: The item.
            responses: The answers to `requests(item)`, in order.
        """

    @abstractmethod
    def chance(self, item: Item) -> Mapping[str, float]:
        """Return what guessing gives on an item, for each metric for which that is known."""

    @abstractmethod
    def signature(self) -> Signature:
        """Return everything that the requests depend on: kind, version, prompts, shots, seed, provenance."""

    def measure_corpus(self, metric: Metric, answers: Sequence[tuple[Item, str]]) -> float:
        """Return the value of a metric whose `corpus` is set. A kind without such metrics does not have this.

        Args:
            metric: The metric.
            answers: Items, each with the text that a model wrote; at least one.
        """
        raise NotImplementedError
