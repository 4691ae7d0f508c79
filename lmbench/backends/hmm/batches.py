"""Lines of ids in batches, laid out so that one matrix product advances many lines by one event.

Shapes: N events of a batch, n lines in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from lmbench.arrays import AnyInts, Floats, Ints

_MOST_LINES = 512  # in a batch
_MOST_EVENTS = 1 << 16  # in a batch; bounds memory
_MOST_NUMBERS = 1 << 24  # in an array of (events, states); bounds memory if there are many states
_RUN_EVENTS = 1 << 10  # events whose transitions are added up in one product, in the engine's own precision
_PART_EVENTS = 1 << 8  # events of a symbol that are added up in the engine's own precision


@dataclass(frozen=True)
class Batch:
    """Lines side by side: the first events of all lines, then the second events of those that have one, and so on.

    Attributes:
        lines: (n,) the caller's numbers of the lines, longest line first.
        lengths: (n,) the number of events of each line.
        ids: (N,) the events.
        running: (steps,) how many lines have an event at each time. These are the first ones.
        starts: (steps + 1,) the index in `ids` of each time's first event.
    """

    lines: Ints
    lengths: Ints
    ids: Ints
    running: list[int]
    starts: list[int]

    @classmethod
    def of_lines(cls, lines: Sequence[AnyInts], chosen: Ints) -> Batch:
        """Lay out the lines with these numbers, longest first."""
        lengths = np.array([len(lines[number]) for number in chosen], dtype=np.int64)
        running = len(chosen) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        starts = np.concatenate([[0], np.cumsum(running)])
        ids = np.empty(starts[-1], dtype=np.int64)
        for row, (number, length) in enumerate(zip(chosen, lengths, strict=True)):
            ids[starts[:length] + row] = lines[number]
        return cls(chosen, lengths, ids, running.tolist(), starts.tolist())

    def by_line(self, values: Floats) -> Iterator[tuple[int, Floats]]:
        """Yield each line's number and its part of `values`, which has an entry for each event."""
        starts = np.array(self.starts)
        for row, (line, length) in enumerate(zip(self.lines.tolist(), self.lengths.tolist(), strict=True)):
            yield line, values[starts[:length] + row]

    @cached_property
    def symbol_sums(self) -> tuple[list[Ints], sparse.csr_array]:
        """The symbols of each part of the batch, and a matrix (symbols of all parts, N) that adds up their events.

        A part has at most _PART_EVENTS events of a symbol. The first part has all symbols, the second one those with
        more events than that, and so on.
        """
        order = np.argsort(self.ids, kind="stable")
        symbols, first, number = np.unique(self.ids[order], return_index=True, return_counts=True)
        part = (np.arange(len(order)) - np.repeat(first, number)) // _PART_EVENTS
        order = order[np.argsort(part, kind="stable")].astype(np.int32)
        rows = np.flatnonzero(np.diff(self.ids[order], prepend=-1) | np.diff(np.sort(part), prepend=-1))
        sums = sparse.csr_array(
            (np.ones(len(order), dtype=np.float32), order, np.append(rows, len(order)).astype(np.int32))
        )
        return [symbols[number > i * _PART_EVENTS] for i in range(int(part.max()) + 1)], sums

    @cached_property
    def transition_runs(self) -> list[tuple[slice, slice]]:
        """Pairs of slices: events, and the next events of the same lines. Together they are all transitions."""
        pairs: list[tuple[slice, slice]] = []
        begin = 1
        for t in range(1, len(self.running) + 1):
            last = t == len(self.running)
            if last or self.running[t] != self.running[begin] or self.starts[t] - self.starts[begin] > _RUN_EVENTS:
                pairs += self._run(begin, t)
                begin = t
        return pairs

    def _run(self, begin: int, end: int) -> Iterator[tuple[slice, slice]]:
        """Yield the transitions into the times begin … end - 1; the same lines run at all of these times."""
        starts, running = self.starts, self.running
        if begin < end:
            yield slice(starts[begin - 1], starts[begin - 1] + running[begin]), slice(starts[begin], starts[begin + 1])
        if begin + 1 < end:
            yield slice(starts[begin], starts[end - 1]), slice(starts[begin + 1], starts[end])


@dataclass(frozen=True, slots=True)
class Chain:
    """One batch of lines, or the consecutive pieces of one line that is too long for a batch."""

    batches: tuple[Batch, ...]

    @property
    def events(self) -> int:
        """The number of events."""
        return sum(len(batch.ids) for batch in self.batches)

    def by_line(self, values: Floats) -> Iterator[tuple[int, Floats]]:
        """Yield each line's number and its part of `values`, which has an entry for each event."""
        first = self.batches[0]
        return first.by_line(values) if len(self.batches) == 1 else iter([(int(first.lines[0]), values)])


def make_chains(lines: Sequence[AnyInts], states: int) -> list[Chain]:
    """Batch lines of similar length so that an array of (events, states) stays small. Empty lines are left out."""
    most = min(_MOST_EVENTS, _MOST_NUMBERS // states)
    lengths = np.array([len(line) for line in lines], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
    chains: list[Chain] = []
    begin = 0
    while begin < len(order):
        longest = int(lengths[order[begin]])
        size = max(1, min(_MOST_LINES, most // longest))
        chosen = order[begin : begin + size]
        batches = _pieces(lines[chosen[0]], chosen, most) if longest > most else (Batch.of_lines(lines, chosen),)
        chains.append(Chain(batches))
        begin += size
    return chains


def _pieces(line: AnyInts, number: Ints, most: int) -> tuple[Batch, ...]:
    """Cut the line with this number, (1,), into pieces of `most` events; the last one may be shorter."""
    parts = [line[begin : begin + most].astype(np.int64) for begin in range(0, len(line), most)]
    times = {size: ([1] * size, list(range(size + 1))) for size in {len(part) for part in parts}}
    return tuple(Batch(number, np.array([len(part)]), part, *times[len(part)]) for part in parts)
