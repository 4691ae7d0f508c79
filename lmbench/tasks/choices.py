"""The choice between answers by their probabilities: four accuracies, with credit shared between ties."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lmbench.tasks.task import Continuation, Item, Likelihood, Metric, Response

ACCURACY = Metric("accuracy", "share of items whose right choice has the highest log-probability")

METRICS = (
    ACCURACY,
    Metric("accuracy_bytes", "the same by log-probability per UTF-8 byte of the choice"),
    Metric("accuracy_tokens", "the same by log-probability per event of the model"),
    Metric("accuracy_gain", "the same by what the context adds: log P(choice | context) - log P(choice)"),
)
"""The first one ranks the models. lm-evaluation-harness calls the second acc_bytes and the last acc_mutual_info."""

_ROUNDING = 1e-9


def choice_requests(context: str, answers: Sequence[str]) -> tuple[Continuation, ...]:
    """Ask for the probability of each answer after the context, and then without it if there is one."""
    given = tuple(Continuation(context, answer) for answer in answers)
    return given + tuple(Continuation("", answer) for answer in answers) if context else given


def measure_choices(item: Item, responses: Sequence[Response]) -> dict[str, float | None]:
    """Return the four accuracies of an item; None for all of them without choices.

    Args:
        item: The item.
        responses: The answers to `choice_requests`, perhaps followed by others.
    """
    if not item.choices or item.gold is None:
        return dict.fromkeys([metric.name for metric in METRICS])
    given = read_likelihoods(responses[: len(item.choices)])
    logprobs = [answer.logprob for answer in given]
    sizes = [len(choice.encode()) for choice in item.choices]
    gain = None
    if item.context:
        alone = read_likelihoods(responses[len(item.choices) : 2 * len(item.choices)])
        gain = credit([a.logprob - b.logprob for a, b in zip(given, alone, strict=True)], item.gold)
    per_byte = [logprob / size for logprob, size in zip(logprobs, sizes, strict=True)]
    per_event = [answer.logprob / max(answer.events, 1) for answer in given]
    rules = {"accuracy": logprobs, "accuracy_bytes": per_byte, "accuracy_tokens": per_event}
    return {**{name: credit(values, item.gold) for name, values in rules.items()}, "accuracy_gain": gain}


def chance_of_choice(item: Item) -> dict[str, float]:
    """Return the four accuracies of a guess; nothing without choices."""
    return {metric.name: 1 / len(item.choices) for metric in METRICS} if item.choices else {}


def credit(values: Sequence[float], gold: int) -> float:
    """Return 1 if the value of the right choice is the highest, 1/k if it shares that place with k - 1 others, else 0.

    Values that rounding may have parted count as equal.
    """
    best = max(values)
    ties = [math.isclose(value, best, rel_tol=_ROUNDING, abs_tol=_ROUNDING) for value in values]
    return 1 / sum(ties) if ties[gold] else 0.0


def choose(item: Item, responses: Sequence[Response]) -> int | None:
    """Return the index of the likeliest choice, the first one among ties; None without choices."""
    logprobs = [answer.logprob for answer in read_likelihoods(responses[: len(item.choices)])]
    return max(range(len(logprobs)), key=logprobs.__getitem__) if logprobs else None


def read_likelihoods(responses: Sequence[Response]) -> list[Likelihood]:
    """Return the responses that are likelihoods."""
    return [response for response in responses if isinstance(response, Likelihood)]
