"""Answers of a model to the requests of a task: log-probabilities of texts after contexts, and texts that it writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmbench.errors import GenerationError
from lmbench.generation import write_until
from lmbench.model import LanguageModel
from lmbench.tasks.task import Completion, Continuation, Likelihood, Request, Response, Written

_ROUNDING = 1e-4  # nats; in float32, scores in a batch and alone differ by less


def respond(model: LanguageModel, requests: Sequence[Request]) -> list[Response]:
    """Return the answers of a model to some requests, in order.

    All texts are scored in one batch, each of them once. A model that offers no distribution writes None.

    Args:
        model: A model that is ready to score.
        requests: The requests.

    Raises:
        ScoreError: The model's scores break the contract.
    """
    asked = [request for request in requests if isinstance(request, Continuation)]
    likelihoods = iter(find_likelihoods(model, asked))
    return [
        next(likelihoods) if isinstance(request, Continuation) else Written(complete(model, request))
        for request in requests
    ]


def find_likelihoods(model: LanguageModel, requests: Sequence[Continuation]) -> list[Likelihood]:
    """Return log P(text | context) of each request; see `LanguageModel.score_continuations`.

    Raises:
        ScoreError: The model's scores break the contract.
    """
    distinct = tuple(dict.fromkeys(requests))
    measured = model.measure_continuations([(request.context, request.text) for request in distinct])
    known = {
        request: Likelihood(*numbers, is_greedy(model, request.context, request.text) if request.greedy else None)
        for request, numbers in zip(distinct, measured, strict=True)
    }
    return [known[request] for request in requests]


def complete(model: LanguageModel, request: Completion) -> str | None:
    """Return what a model writes, the most likely event each time; None if it cannot write."""
    try:
        return write_until(model, request.prompt, request.stop, request.max_events)
    except GenerationError:
        return None


def is_greedy(model: LanguageModel, context: str, text: str) -> bool | None:
    """Return whether the most likely events after a context, one by one, write a text.

    Returns:
        False if another event is as likely as one of them, or if the text has an unknown word; None if the model offers
        no distribution.
    """
    rest = text.encode()
    try:
        state = model.state_after(context)
        while rest:
            following = state.next_events()
            event = int(np.argmax(following.logprobs))
            spelling = following.spellings[event] if following.spellings else None
            alike = np.count_nonzero(following.logprobs > following.logprobs[event] - _ROUNDING)
            if alike > 1 or not spelling or not rest.startswith(spelling):
                return False
            rest = rest[len(spelling) :]
            if rest:
                state.advance(event)
    except NotImplementedError:
        return None
    return True
