"""Answers of a model that needs no model: by a function from texts to log-probabilities."""

import math

from lmbench.tasks.task import Completion, Continuation, Likelihood, Written


def answer(task, item, logprob, text=None, is_greedy=None):
    """Return the responses to the requests of an item.

    Args:
        task: The task.
        item: The item.
        logprob: Returns log P(text | context) of a context and a text.
        text: What the model writes.
        is_greedy: Whether it would write the text that it is asked about.
    """
    responses = []
    for request in task.requests(item):
        if isinstance(request, Completion):
            responses.append(Written(text))
        else:
            assert isinstance(request, Continuation)
            value = logprob(request.context, request.text)
            responses.append(Likelihood(value, len(request.text.split()), is_greedy))
    return responses


def bytes_alike(context, text):
    """Return the log-probability of a text whose bytes are drawn alike."""
    return -len(text.encode()) * math.log(256)
