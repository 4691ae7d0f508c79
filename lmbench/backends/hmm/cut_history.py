"""Predictions of a hidden Markov model from the last events before each event alone.

With h events of history, P(x_t | x_t-h … x_t-1) sums over all events before them. The state at t - h then has its
distribution without evidence, and the forward recursion reads the h events:

    u_0,t  = P(s_t)                                                 = start A^t
    u_k,t  = P(s_t | x_t-k … x_t-1)                                 = (u_k-1,t-1 P(x_t-1 | s_t-1) / c) A
    P(x_t | x_t-h … x_t-1)                                          = u_h,t P(x_t | s_t)

c makes a distribution of what it divides. One step from k - 1 to k is one matrix product over many events.

Shapes: V symbols, K states, N events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import AnyInts, Floats, Ids, Ints
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.errors import LmbenchError

_MOST_NUMBERS = 1 << 21  # in an array of (events, states); bounds memory
_SETTLED = 1e-15  # a change in a distribution that is due to rounding


class CutHistory:
    """A hidden Markov model whose events depend on the events before them up to a number.

    Args:
        parameters: The probabilities.
        history: The number.
    """

    def __init__(self, parameters: Parameters, history: int) -> None:
        self._parameters, self._history = parameters, history
        self._priors = _Priors(parameters)

    def logprobs(self, lines: Sequence[AnyInts]) -> list[Floats]:
        """Return log P(event | the events before it, as far as they count) of each line's events, in nats.

        Raises:
            LmbenchError: A line has probability 0.
        """
        symbols, states = self._parameters.emissions.shape
        is_cut = [len(line) > self._history + 1 for line in lines]
        whole = [line for line, cut in zip(lines, is_cut, strict=True) if not cut]
        scored = iter(ForwardBackward(whole, symbols, states, "float64").logprobs(self._parameters))
        predicted = self._predict([line for line, cut in zip(lines, is_cut, strict=True) if cut])
        return [next(predicted if cut else scored) for cut in is_cut]

    def next_logprobs(self, history: Ids) -> Floats:
        """Return log P(symbol | history) of each symbol, (V,), in nats, given the events of a line."""
        first = max(0, len(history) - self._history)
        states = self._priors.at(np.array([first]))[0]
        for symbol in history[first:]:
            joint = states * self._parameters.emissions[symbol]
            states = joint / joint.sum() @ self._parameters.transitions
        return np.asarray(np.log(self._parameters.emissions @ states))

    def _predict(self, lines: Sequence[AnyInts]) -> Iterator[Floats]:
        """Yield the log-probabilities of lines that are longer than the history."""
        parts: list[Floats] = []
        for batch in self._batch(lines):
            for piece, scored in _split(batch, self._score(batch)):
                parts.append(scored[piece.read :])
                if piece.is_last:
                    yield np.concatenate(parts)
                    parts = []

    def _batch(self, lines: Sequence[AnyInts]) -> Iterator[list[_Piece]]:
        """Yield the pieces of lines, in order, in batches that bound memory."""
        size = max(_MOST_NUMBERS // self._parameters.states, self._history)
        batch: list[_Piece] = []
        for piece in (piece for line in lines for piece in _cut(line, size, self._history)):
            if batch and sum(len(one.ids) for one in batch) + len(piece.ids) > size:
                yield batch
                batch = []
            batch.append(piece)
        if batch:
            yield batch

    def _score(self, batch: Sequence[_Piece]) -> Floats:
        """Return the log-probabilities of the events of a batch, (N,); those that are only read mean nothing."""
        parameters = self._parameters
        firsts = np.concatenate([[0], _find_borders(batch)])
        emitted = parameters.emissions[np.concatenate([piece.ids for piece in batch])]  # (N, K)
        states = self._priors.at(np.concatenate([piece.positions for piece in batch]))  # (N, K)
        openings = states[firsts]
        with np.errstate(all="ignore"):  # zero probabilities are checked afterwards
            for _ in range(self._history):
                joint = states[:-1] * emitted[:-1]
                states[1:] = joint / joint.sum(axis=1, keepdims=True) @ parameters.transitions
                states[firsts] = openings
            probabilities = np.einsum("nk,nk->n", states, emitted)
            if not all((part[piece.read :] > 0).all() for piece, part in _split(batch, probabilities)):
                raise LmbenchError("a line has probability 0 under this hidden Markov model")
            return np.asarray(np.log(probabilities))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive events of a line.

    Attributes:
        ids: (events,) the events.
        start: The position of the first one in its line.
        read: The number of events that are only read, since they are the history of the others.
        is_last: Whether the line ends with this piece.
    """

    ids: AnyInts
    start: int
    read: int
    is_last: bool

    @property
    def positions(self) -> Ints:
        """The positions of the events in their line, (events,)."""
        return np.arange(self.start, self.start + len(self.ids))


class _Priors:
    """The distributions of the states at each position of a line without evidence, which converge."""

    def __init__(self, parameters: Parameters) -> None:
        self._transitions = parameters.transitions
        self._rows, self._are_settled = [parameters.start], False

    def at(self, positions: Ints) -> Floats:
        """Return the distributions at some positions, (positions, K)."""
        while len(self._rows) <= positions.max() and not self._are_settled:
            following = self._rows[-1] @ self._transitions
            self._are_settled = bool(np.abs(following - self._rows[-1]).sum() < _SETTLED)
            self._rows.append(following / following.sum())
        return np.stack(self._rows)[np.minimum(positions, len(self._rows) - 1)]


def _cut(line: AnyInts, size: int, history: int) -> Iterator[_Piece]:
    """Yield the pieces of a line with `size` events each, and the history of their first one."""
    for begin in range(0, len(line), size):
        start, end = max(0, begin - history), begin + size
        yield _Piece(line[start:end], start, begin - start, end >= len(line))


def _find_borders(batch: Sequence[_Piece]) -> Ints:
    """Return where each piece but the first one begins."""
    return np.cumsum([len(piece.ids) for piece in batch])[:-1]


def _split(batch: Sequence[_Piece], values: Floats) -> Iterator[tuple[_Piece, Floats]]:
    """Yield each piece of a batch with the values of its events."""
    return zip(batch, np.split(values, _find_borders(batch)), strict=True)
