"""Strided windows, and segments: how a model of bounded context scores a text of any length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
ScoreBatch = Callable[[Ids, Ids], NDArray[np.float64]]
"""``score_batch(inputs, targets)``: inputs (windows, time), the ids before each event; targets (windows, scored), the
last `scored` events of each window; gives their log-probabilities, (windows, scored), nats."""


Cut = Callable[[int], Iterable["Window"]]
"""``cut(length)``: the windows that score each of `length` events exactly once, in order."""


@dataclass(frozen=True, slots=True)
class Window:
    """Events start to end (not included) are read together, and those from `first` on are scored here."""

    start: int
    end: int
    first: int


def windows(length: int, context: int, stride: int) -> Iterator[Window]:
    """Windows of at most `context` events that score each of `length` events exactly once.

    Window k starts at event k * stride. An event is scored in the first window that holds it, so it has at least
    ``context - stride`` events before it there, or all there are. Which window that is depends on the event's place
    and on nothing after it: the last window is not moved back to fill its context, which would let the length of a
    text change the scores of its events. Raises ValueError unless ``1 <= stride <= context``.
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


def segments(length: int, size: int) -> Iterator[Window]:
    """Windows that score one segment of `size` events each, with the whole segment before it to look back on."""
    for first in range(0, length, size):
        yield Window(max(0, first - size), min(first + size, length), first)


def score_sequences(
    sequences: Sequence[Ids], cut: Cut, batch_tokens: int, score_batch: ScoreBatch
) -> list[NDArray[np.float64]]:
    """Log-probabilities (nats) of every id but the first of each sequence, given the ids before it.

    Windows of equal shape are scored together, about `batch_tokens` ids at once, so that there is no padding whose
    treatment could matter.
    """
    logprobs = [np.zeros(max(len(sequence) - 1, 0)) for sequence in sequences]
    shapes: dict[tuple[int, int], list[tuple[int, Window]]] = defaultdict(list)
    for number, sequence in enumerate(sequences):
        for window in cut(len(sequence) - 1):
            shapes[window.end - window.start, window.end - window.first].append((number, window))
    for (time, _), members in shapes.items():
        size = max(1, batch_tokens // time)
        for begin in range(0, len(members), size):
            batch = members[begin : begin + size]
            inputs = np.stack([sequences[number][window.start : window.end] for number, window in batch])
            targets = np.stack([sequences[number][window.first + 1 : window.end + 1] for number, window in batch])
            for (number, window), scores in zip(batch, score_batch(inputs, targets), strict=True):
                logprobs[number][window.first : window.end] = scores
    return logprobs


def score_packed(
    sequences: Sequence[Ids], cut: Cut, batch_tokens: int, score_batch: ScoreBatch
) -> list[NDArray[np.float64]]:
    """As score_sequences, for models whose earlier positions no padding behind them can change.

    Windows of like length share a batch of about `batch_tokens` ids, padded at their ends with id 0. ``score_batch``
    gets targets (windows, time), -1 where no event is scored, and gives the others' log-probabilities, row by row.
    """
    logprobs = [np.zeros(max(len(sequence) - 1, 0)) for sequence in sequences]
    members = [(number, window) for number, sequence in enumerate(sequences) for window in cut(len(sequence) - 1)]
    members.sort(key=lambda member: member[1].end - member[1].start, reverse=True)
    begin = 0
    while begin < len(members):
        time = members[begin][1].end - members[begin][1].start  # of the longest
        batch = members[begin : begin + max(1, batch_tokens // time)]
        begin += len(batch)
        inputs = np.zeros((len(batch), time), dtype=np.int64)
        targets = np.full((len(batch), time), -1, dtype=np.int64)
        for row, (number, window) in enumerate(batch):
            start, end, first = window.start, window.end, window.first
            inputs[row, : end - start] = sequences[number][start:end]
            targets[row, first - start : end - start] = sequences[number][first + 1 : end + 1]
        parts = np.split(score_batch(inputs, targets), np.cumsum((targets >= 0).sum(axis=1))[:-1])
        for (number, window), scores in zip(batch, parts, strict=True):
            logprobs[number][window.first : window.end] = scores
    return logprobs


def last_window(sequence: Ids, cut: Cut) -> tuple[Ids, int]:
    """The ids that the event after this non-empty sequence is conditioned on, when it comes to be scored.

    And how many of the last of them are followed by events that are scored there.
    """
    *_, window = cut(len(sequence))
    return sequence[window.start :], window.end - window.first
