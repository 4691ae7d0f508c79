"""Windows over a sequence: how a model of bounded context scores a text of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from lmbench.arrays import Floats, Ints

UNSCORED = -1
"""The target of a position that is not scored."""

ScoreBatch = Callable[[Ints, Ints], Floats]
"""``score_batch(inputs, targets)`` returns the log-probabilities (nats) of the scored targets, row by row.

Both arrays are (windows, time). Inputs are the ids before each event. Targets are the events, or UNSCORED: scoring
starts at the same column in all windows and ends with each window."""

Windowing = Callable[[Ints], Iterable["Window"]]
"""``windowing(inputs)`` returns the windows that score each event exactly once, in order; `inputs` are the ids before
each event. The window of an event depends on the ids before it alone."""


@dataclass(frozen=True, slots=True)
class Window:
    """Adjacent events that a model reads together; it scores the last ones.

    Attributes:
        start: The first event that is read.
        end: The event after the last one.
        first: The first event that is scored. Those before it are context.
    """

    start: int
    end: int
    first: int

    @property
    def length(self) -> int:
        """The number of events that are read."""
        return self.end - self.start

    @property
    def context(self) -> int:
        """The number of events that are read but not scored."""
        return self.first - self.start


def strided_windows(length: int, context: int, stride: int) -> Iterator[Window]:
    """Yield windows of at most `context` events that score each of `length` events exactly once.

    Window k starts at event k * stride. An event is scored in the first window that contains it, so at least
    ``context - stride`` events precede it there, or all that exist. The choice of the window depends on the event's
    position and on nothing after it: the last window is not moved back to fill its context, since the length of a text
    would then change the scores of its events.

    Raises:
        ValueError: The stride is not between 1 and the context.
    """
    if not 1 <= stride <= context:
        raise ValueError(f"a stride of {stride} is not between 1 and the context of {context}")
    first = 0
    for start in range(0, length, stride):
        if first == length:
            return
        end = min(start + context, length)
        yield Window(start, end, first)
        first = end


def segments(length: int, size: int, begin: int = 0) -> Iterator[Window]:
    """Yield windows that score one segment of `size` events each, from event `begin` on, given `size` events before."""
    for first in range(begin, length, size):
        yield Window(max(0, first - size), min(first + size, length), first)


def pair_segments(inputs: Ints, mark: Sequence[int], size: int) -> Iterator[Window]:
    """Yield segments of a line ``source => target``, of which one begins with the target.

    Args:
        inputs: The ids before each event.
        mark: The ids of ``=>``. The first ones in the line end the source. Without any, all of the line is a source.
        size: The number of events in a segment.
    """
    border = find_mark(inputs, mark)
    yield from segments(border, size)
    yield from segments(len(inputs), size, border)


def find_mark(inputs: Ints, mark: Sequence[int]) -> int:
    """Return the index of the last id of the first `mark`, or the number of inputs if there is none."""
    if not mark or len(inputs) < len(mark):
        return len(inputs)
    found = (np.lib.stride_tricks.sliding_window_view(inputs, len(mark)) == mark).all(axis=1)
    return int(found.argmax()) + len(mark) - 1 if found.any() else len(inputs)


def score_sequences(
    sequences: Sequence[Ints], windowing: Windowing, batch_tokens: int, score_batch: ScoreBatch
) -> list[Floats]:
    """Return the log-probability (nats) of every id but the first of each sequence, given the ids before it.

    Windows of similar length with equally many context events share a batch of about `batch_tokens` ids. They are
    padded at their ends with id 0, so the model must be one in which no later position changes an earlier one.
    """
    logprobs = [np.zeros(max(len(sequence) - 1, 0)) for sequence in sequences]
    members = [(number, window) for number, sequence in enumerate(sequences) for window in windowing(sequence[:-1])]
    members.sort(key=lambda member: (member[1].context, member[1].length), reverse=True)
    for batch in _batches(members, batch_tokens):
        inputs, targets = _pad_windows(sequences, batch)
        scores = score_batch(inputs, targets)
        parts = np.split(scores, np.cumsum((targets != UNSCORED).sum(axis=1))[:-1])
        for (number, window), part in zip(batch, parts, strict=True):
            logprobs[number][window.first : window.end] = part
    return logprobs


def last_window(sequence: Ints, windowing: Windowing) -> tuple[Ints, int]:
    """Return the ids that condition the event after a sequence when that event is scored.

    Args:
        sequence: (events,) at least one id.
        windowing: How sequences are scored.

    Returns:
        The ids, and the number of ids at the end that precede an event scored in the same window.
    """
    *_, window = windowing(sequence)
    return sequence[window.start :], window.end - window.first


def _batches(members: list[tuple[int, Window]], tokens: int) -> Iterator[list[tuple[int, Window]]]:
    """Yield adjacent windows of equal context, about `tokens` ids at a time; the first one is the longest."""
    for _, group in groupby(members, key=lambda member: member[1].context):
        alike, begin = list(group), 0
        while begin < len(alike):
            size = max(1, tokens // alike[begin][1].length)
            yield alike[begin : begin + size]
            begin += size


def _pad_windows(sequences: Sequence[Ints], batch: list[tuple[int, Window]]) -> tuple[Ints, Ints]:
    """Return the inputs and targets of a batch whose first window is the longest."""
    shape = len(batch), batch[0][1].length
    inputs, targets = np.zeros(shape, dtype=np.int64), np.full(shape, UNSCORED, dtype=np.int64)
    for row, (number, window) in enumerate(batch):
        sequence = sequences[number]
        inputs[row, : window.length] = sequence[window.start : window.end]
        targets[row, window.context : window.length] = sequence[window.first + 1 : window.end + 1]
    return inputs, targets
