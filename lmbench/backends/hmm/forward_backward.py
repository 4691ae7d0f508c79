"""The scaled forward-backward algorithm over many lines at once, as matrix products (Rabiner 1989, section V.A).

Lines of like length lie side by side, so that a step in time is one product of (lines, states) and (states, states).
Each step's probabilities are divided by their sum, the scale, which is P(event | the line's events before it). A line
that is too long for memory is cut into pieces, and what one ends with, the next begins with: nothing is lost.

Shapes: V symbols, K states, N events of a batch, n lines running at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import ThreadpoolController

from lmbench.errors import LmbenchError

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Line = NDArray[np.integer[Any]]
Dtype = Literal["float32", "float64"]
Device = Literal["cpu", "cuda"]
Result = TypeVar("Result")

_LINES_AT_ONCE = 512
_EVENTS_AT_ONCE = 1 << 16  # a limit to memory
_NUMBERS_AT_ONCE = 1 << 24  # of one array: the same for many states
_COUNTED = 1 << 28  # numbers in which all workers together count emissions
_RUN = 1 << 10  # events whose transitions are added up in one product, in the engine's own precision
_SUMMED = 1 << 8  # events of a symbol that are added up in the engine's own precision


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a hidden Markov model is.

    start        (K,) P(state of a line's first event)
    transitions  (K, K) P(next state | state), rows sum to 1
    emissions    (V, K) P(symbol | state), columns sum to 1
    """

    start: Floats
    transitions: Floats
    emissions: Floats


@dataclass(frozen=True, slots=True)
class Counts:
    """What an expectation step counts: of Parameters' shapes, and the log-likelihood (nats) of the lines."""

    start: Floats
    transitions: Floats
    emissions: Floats
    log_likelihood: float


@dataclass(frozen=True)
class Batch:
    """Lines laid time by time: the first events of all lines, then the second ones of those that have one, and so on.

    lines    (n,) which lines, longest first: numbers in the order of the caller
    lengths  (n,) how many events each has
    ids      (N,) their events
    running  (steps,) how many lines have an event at each time
    starts   (steps + 1,) where each time's events begin
    """

    lines: Ids
    lengths: Ids
    ids: Ids
    running: list[int]
    starts: list[int]

    def by_line(self, values: Floats) -> Iterator[tuple[int, Floats]]:
        """Each line's number, and its part of what belongs to the batch's events."""
        starts = np.array(self.starts)
        for row, (line, length) in enumerate(zip(self.lines.tolist(), self.lengths.tolist(), strict=True)):
            yield line, values[starts[:length] + row]

    @cached_property
    def symbols(self) -> tuple[list[Ids], sparse.csr_array]:
        """The symbols that occur, and a matrix that adds up what belongs to them: a row for each symbol of each part.

        A part has each symbol once; the first has all, the second those with more than _SUMMED events, and so on.
        """
        order = np.argsort(self.ids, kind="stable")
        symbols, first, number = np.unique(self.ids[order], return_index=True, return_counts=True)
        part = (np.arange(len(order)) - np.repeat(first, number)) // _SUMMED
        order = order[np.argsort(part, kind="stable")].astype(np.int32)
        rows = np.flatnonzero(np.diff(self.ids[order], prepend=-1) | np.diff(np.sort(part), prepend=-1))
        sums = sparse.csr_array(
            (np.ones(len(order), dtype=np.float32), order, np.append(rows, len(order)).astype(np.int32))
        )
        return [symbols[number > i * _SUMMED] for i in range(int(part.max()) + 1)], sums

    @cached_property
    def runs(self) -> list[tuple[slice, slice]]:
        """Pairs of slices: events, and those one step later of the same lines. Together they are all transitions."""
        pairs: list[tuple[slice, slice]] = []
        begin = 1
        for t in range(1, len(self.running) + 1):
            last = t == len(self.running)
            if last or self.running[t] != self.running[begin] or self.starts[t] - self.starts[begin] > _RUN:
                pairs += self._pairs(begin, t)
                begin = t
        return pairs

    def _pairs(self, begin: int, end: int) -> Iterator[tuple[slice, slice]]:
        """The transitions into times begin … end - 1, at which the same lines run."""
        starts, running = self.starts, self.running
        if begin < end:
            yield slice(starts[begin - 1], starts[begin - 1] + running[begin]), slice(starts[begin], starts[begin + 1])
        if begin + 1 < end:
            yield slice(starts[begin], starts[end - 1]), slice(starts[begin + 1], starts[end])


Chain = tuple[Batch, ...]
"""One batch of lines side by side; or the pieces, one after the other, of a line that is too long for a batch."""


def _chains(lines: Sequence[Line], states: int) -> list[Chain]:
    """All lines that have an event, in batches of like length, which are no larger than a model of that size bears."""
    most = min(_EVENTS_AT_ONCE, _NUMBERS_AT_ONCE // states)
    lengths = np.array([len(line) for line in lines], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
    made: list[Chain] = []
    begin = 0
    while begin < len(order):
        longest = int(lengths[order[begin]])
        size = max(1, min(_LINES_AT_ONCE, most // longest))
        chosen = order[begin : begin + size]
        made.append(_pieces(lines, chosen, most) if longest > most else (_batch(lines, chosen, lengths[chosen]),))
        begin += size
    return made


def _pieces(lines: Sequence[Line], chosen: Ids, most: int) -> Chain:
    """The chosen line in pieces of `most` events, and a shorter one."""
    line = lines[chosen[0]].astype(np.int64)
    parts = [line[begin : begin + most] for begin in range(0, len(line), most)]
    times = {size: ([1] * size, list(range(size + 1))) for size in {len(part) for part in parts}}
    return tuple(Batch(chosen, np.array([len(part)]), part, *times[len(part)]) for part in parts)


def _batch(lines: Sequence[Line], chosen: Ids, lengths: Ids) -> Batch:
    running = len(chosen) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
    starts = np.concatenate([[0], np.cumsum(running)])
    ids = np.empty(starts[-1], dtype=np.int64)
    for row, (line, length) in enumerate(zip(chosen, lengths, strict=True)):
        ids[starts[:length] + row] = lines[line]
    return Batch(chosen, lengths, ids, running.tolist(), starts.tolist())


class ForwardBackward:
    """The algorithm over fixed lines, for the parameters of one iteration after another.

    On the CPU each core takes batches of its own, with BLAS held to one thread; with "cuda" PyTorch takes them in turn.
    Products are of `dtype`, and so are sums of up to 256 emissions or 1,024 transitions; sums of these are float64,
    and their order does not depend on timing.
    """

    def __init__(
        self, lines: Sequence[Line], symbols: int, states: int, dtype: Dtype = "float32", device: Device = "cpu"
    ) -> None:
        for line in lines:
            if len(line) and not 0 <= line.min() <= line.max() < symbols:
                raise LmbenchError(
                    f"a line has the symbols {line.min()} to {line.max()}, not 0 to {symbols - 1} at most"
                )
        chains = sorted(_chains(lines, states), key=lambda chain: -_events(chain))
        workers = 1 if device == "cuda" else max(1, min(_cores(), len(chains), _COUNTED // (symbols * states)))
        self._shares = [chains[i::workers] for i in range(workers)]
        self._lines, self._symbols, self._states = len(lines), symbols, states
        self._arrays: _Arrays = _TorchArrays(dtype, device) if device == "cuda" else _NumpyArrays(dtype)
        self.events = sum(map(_events, chains))

    def counts(self, parameters: Parameters) -> Counts:
        """The expectation step: how often each start, transition and emission is expected, given the lines.

        Counts are finite where no start or transition is 0. Where one is, a state that cannot be reached may explain a
        line too well for any number: LmbenchError.
        """
        model = _Model(parameters, self._arrays)
        parts = self._over_shares(lambda share: self._expect(model, share))
        counts = Counts(
            start=reduce(np.add, [part.start for part in parts]),
            transitions=reduce(np.add, [part.transitions for part in parts]) * parameters.transitions,
            emissions=reduce(np.add, [part.emissions for part in parts]),
            log_likelihood=sum(part.log_likelihood for part in parts),
        )
        _finite(counts.start, counts.transitions, counts.emissions)
        return counts

    def log_likelihood(self, parameters: Parameters) -> float:
        """Nats of all lines."""
        return float(sum(logprobs.sum() for logprobs in self.logprobs(parameters)))

    def logprobs(self, parameters: Parameters) -> list[Floats]:
        """log P(event | the line's events before it), nats, of each event of each line."""
        model = _Model(parameters, self._arrays)
        return self._by_line(lambda chain: np.log(model.scales(chain)), np.zeros(0))

    def posteriors(self, parameters: Parameters) -> list[Floats]:
        """P(state | the whole line) of each event of each line, (events, K); LmbenchError as of `counts`."""
        model = _Model(parameters, self._arrays)

        def chain_posteriors(chain: Chain) -> Floats:
            pieces = model.posteriors(chain, _Work(self._arrays, [chain], self._states))
            return np.concatenate([self._arrays.numpy(piece.posterior).copy() for piece in pieces][::-1])

        found = self._by_line(chain_posteriors, np.zeros((0, self._states)))
        _finite(*found)
        return found

    def _by_line(self, over_chain: Callable[[Chain], Floats], nothing: Floats) -> list[Floats]:
        """What is said of each chain's events, line by line; `nothing` of lines without events."""
        found = [nothing] * self._lines
        for lines in self._over_shares(
            lambda share: [pair for chain in share for pair in _by_line(chain, over_chain(chain))]
        ):
            for line, values in lines:
                found[line] = values
        return found

    def _over_shares(self, work: Callable[[list[Chain]], Result]) -> list[Result]:
        def quiet(share: list[Chain]) -> Result:
            with np.errstate(all="ignore"):  # what follows probability 0 or overflows is found out
                return work(share)

        with _blas().limit(limits=1, user_api="blas"):
            if len(self._shares) == 1:
                return [quiet(self._shares[0])]
            with ThreadPoolExecutor(len(self._shares)) as threads:
                return list(threads.map(quiet, self._shares))

    def _expect(self, model: _Model, share: list[Chain]) -> Counts:
        work = _Work(self._arrays, share, self._states)
        start, transitions, log_likelihood = np.zeros(self._states), np.zeros((self._states,) * 2), 0.0
        emissions = np.zeros((self._symbols, self._states))
        for piece in (piece for chain in share for piece in model.posteriors(chain, work)):
            batch = piece.batch
            log_likelihood += float(np.log(piece.scales).sum())
            if piece.before is None:
                start += self._arrays.total(piece.posterior[: batch.running[0]])
            else:
                transitions += self._arrays.numpy(piece.before.T @ work.backward[:1])
            for before, after in batch.runs:
                transitions += self._arrays.numpy(work.forward[before].T @ work.backward[after])
            parts, sums = batch.symbols
            added, begin = self._arrays.product(sums, piece.posterior), 0
            for symbols in parts:
                emissions[symbols] += added[begin : begin + len(symbols)]
                begin += len(symbols)
        return Counts(start, transitions, emissions, log_likelihood)


def _events(chain: Chain) -> int:
    return sum(len(batch.ids) for batch in chain)


def _by_line(chain: Chain, values: Floats) -> Iterator[tuple[int, Floats]]:
    """Each line's number, and its part of what belongs to the chain's events."""
    return chain[0].by_line(values) if len(chain) == 1 else iter([(int(chain[0].lines[0]), values)])


def best_paths(parameters: Parameters, lines: Sequence[Line]) -> list[Ids]:
    """The most likely states of each line (Viterbi 1967), lower numbers first where two are as likely."""
    with np.errstate(divide="ignore"):
        start, transitions = np.log(parameters.start), np.log(parameters.transitions)
        return [_best_path(start, transitions, np.log(parameters.emissions[line])) for line in lines]


def _best_path(start: Floats, transitions: Floats, emitted: Floats) -> Ids:
    """The path through (events, K) log-probabilities of emissions."""
    best, back = start, np.zeros(emitted.shape, dtype=np.int64)
    for t, now in enumerate(emitted):
        if t:
            arrivals = best[:, None] + transitions  # (state before, state)
            back[t] = arrivals.argmax(axis=0)
            best = arrivals[back[t], np.arange(len(best))]
        best = best + now
    path = np.empty(len(emitted), dtype=np.int64)
    for t in range(len(emitted) - 1, -1, -1):
        path[t] = best.argmax() if t == len(emitted) - 1 else back[t + 1, path[t + 1]]
    return path


class _Work:
    """Memory for any of these batches: three arrays (events, states), and what a step in time needs."""

    def __init__(self, arrays: _Arrays, chains: list[Chain], states: int) -> None:
        batches = [batch for chain in chains for batch in chain]
        events = max((len(batch.ids) for batch in batches), default=0)
        self.forward, self.backward, self.posterior = (arrays.empty((events, states)) for _ in range(3))
        self.scales = arrays.empty((events,))
        self.following = arrays.empty((max((len(batch.lines) for batch in batches), default=0), states))


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is known of a batch: P(state | whole line) of each event (N, K), and the scales (N,).

    before  P(state | events so far) of the event before it, (1, K), where it goes on with a line that began earlier
    """

    batch: Batch
    posterior: Any
    scales: Floats
    before: Any


class _Model:
    """Parameters as the arrays of a library."""

    def __init__(self, parameters: Parameters, arrays: _Arrays) -> None:
        self.arrays = arrays
        self.start = arrays.array(parameters.start)
        self.transitions = arrays.array(parameters.transitions)
        self.transposed = arrays.array(parameters.transitions.T.copy())
        self.emissions = arrays.array(parameters.emissions)
        self.ones = arrays.array(np.ones(len(parameters.start)))

    def posteriors(self, chain: Chain, work: _Work) -> Iterator[_Piece]:
        """Each batch of a chain, the last first; what is given lies in `work` until the next one is asked for.

        Leaves P(state | events so far) in work.forward and, in work.backward, the factor by which its product with the
        transitions becomes P(state before, state | whole line).
        """
        ends: list[Any] = [None]  # what goes before each batch
        for batch in chain[:-1]:
            self._forward(batch, work, ends[-1])
            ends.append(self.arrays.copy(work.forward[len(batch.ids) - 1 : len(batch.ids)]))
        later = None
        for batch, before in zip(reversed(chain), reversed(ends), strict=True):
            scales = self._forward(batch, work, before)
            self._backward(batch, work, later)
            yield _Piece(batch, work.posterior[: len(batch.ids)], scales, before)
            later = self.arrays.copy(work.backward[:1])

    def _first(self, before: Any) -> Any:
        """P(state | events before) of the first event after one of which P(state | events so far) is known, (K,)."""
        return self.start if before is None else (before @ self.transitions)[0]

    def _forward(self, batch: Batch, work: _Work, before: Any) -> Floats:
        xp, starts, forward, emitted = self.arrays, batch.starts, work.forward, work.backward
        xp.gather(self.emissions, batch.ids, emitted[: len(batch.ids)])
        for t, running in enumerate(batch.running):
            now = slice(starts[t], starts[t + 1])
            states = forward[now]
            if t == 0:
                xp.multiply(emitted[now], self._first(before), out=states)
            else:
                xp.matmul(forward[starts[t - 1] : starts[t - 1] + running], self.transitions, out=states)
                xp.multiply(states, emitted[now], out=states)
            scales = work.scales[now]
            xp.matmul(states, self.ones, out=scales)
            xp.divide(states, scales[:, None], out=states)
        return _checked(xp.numpy(work.scales[: len(batch.ids)]))

    def _backward(self, batch: Batch, work: _Work, later: Any) -> None:
        xp, starts, backward = self.arrays, batch.starts, work.backward
        running = [*batch.running, 0]
        for t in range(len(batch.running) - 1, -1, -1):
            now, after = slice(starts[t], starts[t + 1]), slice(starts[t + 1], starts[t + 1] + running[t + 1])
            following = work.following[: running[t]]  # P(later events | state), divided by the later scales
            following[running[t + 1] :] = 1
            if running[t + 1]:
                xp.matmul(backward[after], self.transposed, out=following[: running[t + 1]])
            elif later is not None:  # the line goes on in another piece
                xp.matmul(later, self.transposed, out=following)
            xp.multiply(work.forward[now], following, out=work.posterior[now])
            xp.multiply(backward[now], following, out=backward[now])
            xp.divide(backward[now], work.scales[now][:, None], out=backward[now])

    def scales(self, chain: Chain) -> Floats:
        """P(event | the line's events before it) of each event (N,)."""
        parts, before = list[Floats](), None
        for batch in chain:
            scales, before = self._scales(batch, before)
            parts.append(scales)
        return np.concatenate(parts)

    def _scales(self, batch: Batch, before: Any) -> tuple[Floats, Any]:
        """The scales of a batch, and P(state | events so far) of the last event, (1, K)."""
        xp, starts = self.arrays, batch.starts
        scales = xp.empty((len(batch.ids),))
        emitted, states, moved = (xp.empty((batch.running[0], len(self.ones))) for _ in range(3))
        for t, running in enumerate(batch.running):
            now = slice(starts[t], starts[t + 1])
            xp.gather(self.emissions, batch.ids[now], emitted[:running])
            if t == 0:
                xp.multiply(emitted, self._first(before), out=states)
            else:
                xp.matmul(states[:running], self.transitions, out=moved[:running])
                xp.multiply(moved[:running], emitted[:running], out=states[:running])
            xp.matmul(states[:running], self.ones, out=scales[now])
            xp.divide(states[:running], scales[now][:, None], out=states[:running])
        return _checked(xp.numpy(scales)), states[:1]


def _checked(scales: Floats) -> Floats:
    if not (scales > 0).all():
        raise LmbenchError("a line has probability 0 under this hidden Markov model")
    return scales


def _finite(*numbers: Floats) -> None:
    if not all(np.isfinite(part).all() for part in numbers):
        raise LmbenchError(
            "a line is explained too well by states that this hidden Markov model cannot reach, and expected counts "
            "overflow; make no start and no transition impossible"
        )


class _NumpyArrays:
    """Arrays on the CPU."""

    matmul = staticmethod(np.matmul)
    multiply = staticmethod(np.multiply)
    divide = staticmethod(np.divide)

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)

    def array(self, values: Floats) -> Any:
        return np.asarray(values, dtype=self._dtype)

    def empty(self, shape: tuple[int, ...]) -> Any:
        return np.empty(shape, self._dtype)

    def numpy(self, values: Any) -> Floats:
        return np.asarray(values, dtype=np.float64)

    def copy(self, values: Any) -> Any:
        return values.copy()

    def gather(self, rows: Any, ids: Ids, out: Any) -> None:
        """The rows with these ids, which __init__ has seen to exist; "clip" spares the default mode's buffer."""
        np.take(rows, ids, axis=0, out=out, mode="clip")

    def total(self, values: Any) -> Floats:
        return np.asarray(values.sum(axis=0, dtype=np.float64))

    def product(self, sums: sparse.csr_array, values: Any) -> Floats:
        return np.asarray(sums.astype(self._dtype, copy=False) @ values, dtype=np.float64)


class _TorchArrays:
    """Arrays of PyTorch, on its `device`."""

    def __init__(self, dtype: str, device: str) -> None:
        import torch

        self._torch, self._device, self._dtype = torch, device, getattr(torch, dtype)
        self.matmul, self.multiply, self.divide = torch.matmul, torch.multiply, torch.divide

    def array(self, values: Floats) -> Any:
        return self._torch.as_tensor(values, dtype=self._dtype, device=self._device)

    def empty(self, shape: tuple[int, ...]) -> Any:
        return self._torch.empty(shape, dtype=self._dtype, device=self._device)

    def numpy(self, values: Any) -> Floats:
        return np.asarray(values.double().cpu().numpy())

    def copy(self, values: Any) -> Any:
        return values.clone()

    def gather(self, rows: Any, ids: Ids, out: Any) -> None:
        self._torch.index_select(rows, 0, self._torch.as_tensor(ids, device=self._device), out=out)

    def total(self, values: Any) -> Floats:
        return np.asarray(values.double().sum(dim=0).cpu().numpy())

    def product(self, sums: sparse.csr_array, values: Any) -> Floats:
        """embedding_bag adds up rows in a fixed order, which index_add on a GPU does not."""
        order, first = (self._torch.as_tensor(part, device=self._device) for part in (sums.indices, sums.indptr[:-1]))
        return self.numpy(self._torch.nn.functional.embedding_bag(order, values, first, mode="sum"))


_Arrays = _NumpyArrays | _TorchArrays


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
