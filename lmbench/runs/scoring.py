"""Score documents in a process: it asks for them batch by batch, and sends back the scores.

The process gets no document before its model is ready. The run checks and sums the scores, against documents that
nothing in the process can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.corpus import batches
from lmbench.errors import PluginError, ScoreError
from lmbench.progress import Progress
from lmbench.runs.evaluation import BATCH_CHARACTERS, TimedModel
from lmbench.runs.worker import Channel
from lmbench.score import JoinedScores, join_groups

_EVENTS_AT_ONCE = 1 << 18  # in a message of 6 MB


@dataclass(frozen=True, slots=True)
class Ready:
    """A question of a process whose model is ready: what is the first batch?

    Attributes:
        batch_characters: About how many characters a batch should have.
    """

    batch_characters: int


@dataclass(frozen=True, slots=True)
class Scored:
    """A question of a process that has sent all scores of a batch: what is the next one?"""


@dataclass(frozen=True, slots=True)
class Batch:
    """A reply: documents to score.

    Attributes:
        numbers: The number of each document in the test split, for errors.
        documents: The documents.
    """

    numbers: Sequence[int]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Events:
    """A message with scored events.

    Attributes:
        counts: (documents,) int64, the number of events of each document of the group that ends with this message;
            None if the next message continues the group.
        ends: (events,) int64, the byte offset in its document at which each event's text ends.
        logprobs: (events,) float64, nats.
        spelling: (events,) float64, nats.
    """

    counts: Ints | None
    ends: Ints
    logprobs: Floats
    spelling: Floats

    @property
    def is_well_formed(self) -> bool:
        """Whether the arrays have the right types, and fit each other. A plugin may send anything."""
        columns = (self.ends, np.int64), (self.logprobs, np.float64), (self.spelling, np.float64)
        counts = () if self.counts is None else ((self.counts, np.int64),)
        return (
            all(type(a) is np.ndarray and a.ndim == 1 and a.dtype == kind for a, kind in (*columns, *counts))
            and len(self.ends) == len(self.logprobs) == len(self.spelling)
            and (self.counts is None or bool((self.counts >= 0).all()))
        )


def score_in_process(model: TimedModel, channel: Channel) -> None:
    """Score all documents that the other process gives out."""
    batch = channel.ask(Ready(model.batch_characters))
    while batch is not None:
        _score_batch(model, batch, channel)
        batch = channel.ask(Scored())


def _score_batch(model: TimedModel, batch: Batch, channel: Channel) -> None:
    for group in join_groups(model.score(batch.documents), batch.documents, batch.numbers):
        for start in range(0, max(len(group.ends), 1), _EVENTS_AT_ONCE):
            rows = slice(start, start + _EVENTS_AT_ONCE)
            counts = group.events if rows.stop >= len(group.ends) else None
            channel.send(Events(counts, group.ends[rows], group.logprobs[rows], group.spelling[rows]))


Record = Callable[[Sequence[int], Sequence[str], JoinedScores], None]
"""Gets the numbers, the texts and the scores of some documents. The scores are not checked yet."""


class Scoring:
    """Documents that a process scores: gives them out, and receives their scores.

    Args:
        documents: The documents, in the order in which they are scored.
        numbers: The number of each document.
        record: Called with the documents of each group, and their scores.
        progress: Receives reports.
        batch_characters: About how many characters a batch has, unless the process wants fewer.
    """

    def __init__(
        self,
        documents: Iterable[str],
        numbers: Sequence[int],
        record: Record,
        progress: Progress,
        batch_characters: int = BATCH_CHARACTERS,
    ) -> None:
        self._documents, self._numbers, self._record, self._progress = documents, numbers, record, progress
        self._batch_characters = batch_characters
        self._batches: Iterator[tuple[str, ...]] | None = None
        self._waiting: tuple[str, ...] = ()  # documents of the batch without scores
        self._done = 0  # documents with scores
        self._group = _Group(0)

    @property
    def is_done(self) -> bool:
        """Whether all documents have their scores."""
        return self._done == len(self._numbers)

    def receive(self, message: object) -> Batch | None:
        """Return the reply to a message of `score_in_process`.

        Raises:
            PluginError: It is not a message that may come now.
            ScoreError: There are too many events, or `record` raised it.
        """
        match message:
            case Ready(int(characters)) if self._batches is None and characters > 0:
                self._batches = batches(self._documents, min(characters, self._batch_characters))
                return self._next_batch(self._batches)
            case Scored() if self._batches is not None and not self._waiting:
                return self._next_batch(self._batches)
            case Events() if self._waiting and message.is_well_formed:
                self._add(message)
                return None
        raise PluginError("the process did not send one score for each document")

    def _next_batch(self, source: Iterator[tuple[str, ...]]) -> Batch | None:
        self._waiting = next(source, ())
        if not self._waiting:
            return None
        self._progress("score", self._done / len(self._numbers))
        self._group = _Group(_most_events(self._waiting))
        return Batch(self._numbers[self._done : self._done + len(self._waiting)], self._waiting)

    def _add(self, events: Events) -> None:
        self._group.add(events)
        if events.counts is None:
            return
        size, scores = len(events.counts), self._group.join(events.counts)
        if not 0 < size <= len(self._waiting):
            raise PluginError("the process sent more scores than there are documents")
        numbers, documents = self._numbers[self._done : self._done + size], self._waiting[:size]
        self._done, self._waiting = self._done + size, self._waiting[size:]
        self._record(numbers, documents, scores)


class _Group:
    """The scored events of some documents that have arrived so far.

    Args:
        most: The number of events that may arrive.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._columns: tuple[list[Any], ...] = ([], [], [])

    def add(self, events: Events) -> None:
        """Add events.

        Raises:
            ScoreError: There are too many.
        """
        self._left -= len(events.ends)
        if self._left < 0:
            raise ScoreError("there are far more events than characters")
        for column, values in zip(self._columns, (events.ends, events.logprobs, events.spelling), strict=True):
            column.append(values)

    def join(self, counts: Ints) -> JoinedScores:
        """Return the scores of documents with these numbers of events, and begin the next group.

        Raises:
            PluginError: The numbers do not add up to that of the events.
        """
        columns = []
        for column in self._columns:
            columns.append(np.concatenate(column))
            column.clear()  # frees the parts before the next column needs memory
        if (counts > len(columns[0])).any() or counts.sum() != len(columns[0]):
            raise PluginError("the process sent other events than it counted")
        return JoinedScores(counts, *columns)


def _most_events(documents: Sequence[str]) -> int:
    """Return a number of events that no model needs, so that a broken one does not fill the memory of the run."""
    return (1 << 20) + 16 * (len(documents) + sum(map(len, documents)))
