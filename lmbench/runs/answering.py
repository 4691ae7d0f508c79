"""Answer the requests of a task in a process: it asks for them batch by batch, and sends back the answers.

The process gets no request before its model is ready. It writes all texts before it sees any answer. Requests come in
the order of their texts, which says nothing about what is right. The run checks the answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lmbench.errors import PluginError, ScoreError, kind_of
from lmbench.printable import printable
from lmbench.progress import Progress
from lmbench.runs.evaluation import BATCH_CHARACTERS, TimedModel
from lmbench.runs.scoring import Ready
from lmbench.runs.worker import Channel
from lmbench.tasks.task import Completion, Continuation, Likelihood, Request, Response, Task, Written

_CHARACTERS_OF_EVENT = 1000  # an event that is written takes about as long as scoring a text of this length
_ROUNDING = 1e-6  # nats
_SHOWN = 60  # characters
_KINDS: dict[type[Request], str] = {Continuation: "score", Completion: "write"}  # with the steps that answer them
_NOT_ONE = "the process did not send one answer for each request"


@dataclass(frozen=True, slots=True)
class Answers:
    """A question of a process that has answered a batch of requests: what is the next one?

    Attributes:
        answers: The answers, in the order of the requests.
    """

    answers: tuple[Response, ...]


def answer_in_process(model: TimedModel, channel: Channel) -> None:
    """Answer all requests that the other process gives out."""
    requests = channel.ask(Ready(model.batch_characters))
    while requests is not None:
        requests = channel.ask(Answers(tuple(model.answer(requests))))


class Answering:
    """Requests of a task that a process answers: gives each of them out once, and receives the answers.

    Args:
        asked: The requests, each with the identity of the first item that makes it.
        progress: Receives reports.

    Attributes:
        answers: The answers that have arrived, by their requests.
    """

    def __init__(self, asked: Mapping[Request, str], progress: Progress) -> None:
        self.answers: dict[Request, Response] = {}
        self._asked, self._progress = asked, progress
        self._batches: Iterator[tuple[Request, ...]] | None = None
        self._waiting: tuple[Request, ...] = ()
        self._done = dict.fromkeys(_KINDS, 0)
        self._total = {kind: sum(_weigh(request) for request in asked if type(request) is kind) for kind in _KINDS}

    @property
    def is_done(self) -> bool:
        """Whether all requests have an answer."""
        return len(self.answers) == len(self._asked)

    def receive(self, message: object) -> tuple[Request, ...] | None:
        """Return the reply to a message of `answer_in_process`.

        Raises:
            PluginError: It is not a message that may come now, or an answer has a wrong type.
            ScoreError: An answer is not a log-probability.
        """
        match message:
            case Ready(int(characters)) if self._batches is None and characters > 0:
                self._batches = _divide(self._asked, min(characters, BATCH_CHARACTERS))
                return self._next_batch(self._batches)
            case Answers(tuple(answers)) if self._batches is not None and len(answers) == len(self._waiting):
                for request, answer in zip(self._waiting, answers, strict=True):
                    self.answers[request] = check_answer(request, answer, self._asked[request])
                return self._next_batch(self._batches)
        raise PluginError(_NOT_ONE)

    def _next_batch(self, source: Iterator[tuple[Request, ...]]) -> tuple[Request, ...] | None:
        for request in self._waiting:
            self._done[type(request)] += _weigh(request)
        self._waiting = next(source, ())
        if not self._waiting:
            return None
        kind = type(self._waiting[0])
        self._progress(_KINDS[kind], self._done[kind] / self._total[kind])
        return self._waiting


def list_requests(task: Task) -> dict[Request, str]:
    """Return the requests of a task, each with the identity of the first item that makes it."""
    asked: dict[Request, str] = {}
    for item in task.items:
        for request in task.requests(item):
            asked.setdefault(request, item.id)
    return asked


def check_answer(request: Request, answer: object, item: str) -> Response:
    """Return the answer to a request if it can be one. A plugin may send anything.

    Args:
        request: The request.
        answer: What was sent.
        item: The identity of an item that makes the request, for errors.

    Raises:
        PluginError: It has a wrong type, or is not text.
        ScoreError: It is not a log-probability.
    """
    match request, answer:
        case Continuation(), Likelihood(float(logprob), int(events), None | True | False as greedy):
            if not logprob <= _ROUNDING or math.isinf(logprob):
                raise ScoreError(
                    f"item {printable(item)}: log P({_show(request.text)}) is {logprob:g}, not a "
                    "finite number of at most 0"
                )
            if events < bool(request.text):
                raise ScoreError(f"item {printable(item)}: {_show(request.text)} has {events} events")
            return Likelihood(min(logprob, 0.0), events, greedy if request.greedy else None)
        case Completion(), Written(None):
            return Written(None)
        case Completion(), Written(str(text)):
            return Written(_check_text(text, request, item))
    raise PluginError(f"item {printable(item)}: the answer is {kind_of(answer)} with wrong types")


def _check_text(text: str, request: Completion, item: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PluginError(f"item {printable(item)}: what the model wrote is not text: {_show(text)}") from None
    if any(stop in text for stop in request.stop):
        raise PluginError(f"item {printable(item)}: what the model wrote goes on after its end: {_show(text)}")
    return text


def _divide(asked: Mapping[Request, str], characters: int) -> Iterator[tuple[Request, ...]]:
    """Yield the requests in batches: at first those for texts, and then those for probabilities."""
    batch: list[Request] = []
    weight = 0
    for request in sorted(asked, key=_place):
        if batch and (weight + _weigh(request) > characters or type(request) is not type(batch[0])):
            yield tuple(batch)
            batch, weight = [], 0
        batch.append(request)
        weight += _weigh(request)
    if batch:
        yield tuple(batch)


def _place(request: Request) -> tuple[bool, str, str]:
    if isinstance(request, Completion):
        return False, request.prompt, ""
    return True, request.context, request.text


def _weigh(request: Request) -> int:
    """Return how many characters take about as long to score as the request takes to answer."""
    if isinstance(request, Completion):
        return len(request.prompt) + _CHARACTERS_OF_EVENT * request.max_events
    return 1 + len(request.context) + len(request.text) + _CHARACTERS_OF_EVENT * request.greedy


def _show(text: str) -> str:
    shown = repr(text[:_SHOWN])
    return printable(f"{shown[:-1]}…'" if len(text) > _SHOWN else shown)


def count_bytes(answers: Mapping[Request, Response]) -> int:
    """Return the UTF-8 bytes of all texts that were scored, contexts included, or written."""
    texts: Sequence[str] = [
        request.context + request.text for request in answers if isinstance(request, Continuation)
    ] + [answer.text or "" for answer in answers.values() if isinstance(answer, Written)]
    return sum(len(text.encode()) for text in texts)
