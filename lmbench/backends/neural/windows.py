"""Strided windows, and segments: how a model of bounded context scores a text of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
ScoreBatch = Callable[[Ids, Ids], NDArray[np.float64]]
"""``score_batch(inputs, targets)``: inputs (windows, time), the ids before each event; targets (windows, time), the
events, -1 where none is scored: before the same column in all windows, and behind a window's end. Gives the scored
events' log-probabilities, nats, row by row."""


Cut = Callable[[int], Iterable["Window"]]
"""``cut(length)``: the windows that score each of `length` events exactly once, in order."""


@dataclass(frozen=True, slots=True)
class Window:
    """Events start to end (not included) are read together, and those from `first` on are scored here."""

    start: int
    end: int
    first: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def back(self) -> int:
        """How many of its events are only looked back on."""
        return self.first - self.start


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


def score_packed(
    sequences: Sequence[Ids], cut: Cut, batch_tokens: int, score_batch: ScoreBatch
) -> list[NDArray[np.float64]]:
    """Log-probabilities (nats) of every id but the first of each sequence, given the ids before it.

    For models whose earlier positions no padding behind them can change. Windows of like length that look back equally
    far share a batch of about `batch_tokens` ids, padded at their ends with id 0.
    """
    logprobs = [np.zeros(max(len(sequence) - 1, 0)) for sequence in sequences]
    members = [(number, window) for number, sequence in enumerate(sequences) for window in cut(len(sequence) - 1)]
    members.sort(key=lambda member: (member[1].back, member[1].length), reverse=True)
    for batch in _batches(members, batch_tokens):
        time = batch[0][1].length  # of the longest
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


def _batches(members: list[tuple[int, Window]], tokens: int) -> Iterator[list[tuple[int, Window]]]:
    """Windows that follow each other and look back equally far, about so many ids at once; the first is the longest."""
    for _, group in groupby(members, key=lambda member: member[1].back):
        alike, begin = list(group), 0
        while begin < len(alike):
            size = max(1, tokens // alike[begin][1].length)
            yield alike[begin : begin + size]
            begin += size


def last_window(sequence: Ids, cut: Cut) -> tuple[Ids, int]:
    """The ids that the event after this non-empty sequence is conditioned on, when it comes to be scored.

    And how many of the last of them are followed by events that are scored there.
    """
    *_, window = cut(len(sequence))
    return sequence[window.start :], window.end - window.first
