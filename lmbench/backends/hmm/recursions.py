"""The scaled forward and backward recursions (Rabiner 1989, section V.A), over batches and event by event.

For the event x_t of a line in state s_t, with transitions A:

    scale      c_t = P(x_t | x_1 … x_t-1)
    forward    f_t = P(s_t | x_1 … x_t)                                 = (f_t-1 A) P(x_t | s_t) / c_t
    following  b_t = P(x_t+1 … | s_t) / (c_t+1 c_t+2 …)                 = A g_t+1; 1 at the line's end
    backward   g_t = P(x_t | s_t) b_t / c_t
    posterior        P(s_t | line)                                      = f_t b_t
    transition       P(s_t-1, s_t | line)                               = f_t-1 A g_t

A line that is too long for a batch is read in pieces: each piece begins with what the one before it ended with, so that
nothing is approximate.

Shapes: K states, N events of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmbench.arrays import Floats, Ids
from lmbench.backends.hmm.array_library import ArrayLibrary
from lmbench.backends.hmm.batches import Batch, Chain
from lmbench.backends.hmm.parameters import Parameters
from lmbench.errors import LmbenchError


class Buffers:
    """Memory that one chain after another uses: arrays of (events, states), and the numbers of one step in time.

    Attributes:
        forward: f of each event.
        backward: P(x | s) of each event during the forward recursion, then g of each event.
        posterior: P(s | line) of each event.
        scales: c of each event, (events,).
        following: b of the events of one time, (lines, K).
    """

    def __init__(self, library: ArrayLibrary, chains: Sequence[Chain], states: int) -> None:
        batches = [batch for chain in chains for batch in chain.batches]
        events = max((len(batch.ids) for batch in batches), default=0)
        self.forward, self.backward, self.posterior = (library.empty((events, states)) for _ in range(3))
        self.scales = library.empty((events,))
        self.following = library.empty((max((len(batch.lines) for batch in batches), default=0), states))


@dataclass(frozen=True, slots=True)
class BatchPosteriors:
    """The result of both recursions over a batch.

    Attributes:
        batch: The batch.
        posterior: (N, K) P(s_t | line).
        scales: (N,) c_t.
        before: (1, K) the f of the event before the batch's first one; None if the lines begin in this batch.
    """

    batch: Batch
    posterior: Any
    scales: Floats
    before: Any


class Recursions:
    """Both recursions under given parameters."""

    def __init__(self, parameters: Parameters, library: ArrayLibrary) -> None:
        self._library = library
        self._start = library.array(parameters.start)
        self._transitions = library.array(parameters.transitions)
        self._transposed = library.array(parameters.transitions.T.copy())
        self._emissions = library.array(parameters.emissions)
        self._ones = library.array(np.ones(parameters.states))

    def posteriors(self, chain: Chain, buffers: Buffers) -> Iterator[BatchPosteriors]:
        """Yield the posteriors of each batch of a chain, the last batch first.

        They stay valid until the next request, and so do the batch's f in buffers.forward and its g in
        buffers.backward.
        """
        befores: list[Any] = [None]
        for batch in chain.batches[:-1]:
            self._forward(batch, buffers, befores[-1])
            befores.append(self._library.copy(buffers.forward[len(batch.ids) - 1 : len(batch.ids)]))
        after = None
        for batch, before in zip(reversed(chain.batches), reversed(befores), strict=True):
            scales = self._forward(batch, buffers, before)
            self._backward(batch, buffers, after)
            yield BatchPosteriors(batch, buffers.posterior[: len(batch.ids)], scales, before)
            after = self._library.copy(buffers.backward[:1])

    def scales(self, chain: Chain) -> Floats:
        """Return c of each event of a chain, (events,), from the forward recursion alone."""
        parts, before = list[Floats](), None
        for batch in chain.batches:
            scales, before = self._scales(batch, before)
            parts.append(scales)
        return np.concatenate(parts)

    def _forward(self, batch: Batch, buffers: Buffers, before: Any) -> Floats:
        """Fill buffers.forward and buffers.scales; return the scales."""
        xp, starts, forward, emitted = self._library, batch.starts, buffers.forward, buffers.backward
        xp.gather(self._emissions, batch.ids, emitted[: len(batch.ids)])
        for t, running in enumerate(batch.running):
            now = slice(starts[t], starts[t + 1])
            states = forward[now]
            if t == 0:
                xp.multiply(emitted[now], self._first_states(before), out=states)
            else:
                xp.matmul(forward[starts[t - 1] : starts[t - 1] + running], self._transitions, out=states)
                xp.multiply(states, emitted[now], out=states)
            self._scale(states, buffers.scales[now])
        return _require_positive(xp.numpy(buffers.scales[: len(batch.ids)]))

    def _backward(self, batch: Batch, buffers: Buffers, after: Any) -> None:
        """Turn buffers.backward into g, and fill buffers.posterior.

        Args:
            batch: A batch that `_forward` has just read.
            buffers: The memory that `_forward` wrote to.
            after: (1, K) the g of the event after the batch's last one; None if the lines end in this batch.
        """
        xp, starts, backward = self._library, batch.starts, buffers.backward
        running = [*batch.running, 0]
        for t in range(len(batch.running) - 1, -1, -1):
            now, later = slice(starts[t], starts[t + 1]), slice(starts[t + 1], starts[t + 1] + running[t + 1])
            following = buffers.following[: running[t]]
            following[running[t + 1] :] = 1
            if running[t + 1]:
                xp.matmul(backward[later], self._transposed, out=following[: running[t + 1]])
            elif after is not None:
                xp.matmul(after, self._transposed, out=following)
            xp.multiply(buffers.forward[now], following, out=buffers.posterior[now])
            xp.multiply(backward[now], following, out=backward[now])
            xp.divide(backward[now], buffers.scales[now][:, None], out=backward[now])

    def _scales(self, batch: Batch, before: Any) -> tuple[Floats, Any]:
        """Return a batch's scales and its last event's f, (1, K), keeping one time in memory only."""
        xp, starts = self._library, batch.starts
        scales = xp.empty((len(batch.ids),))
        emitted, states, moved = (xp.empty((batch.running[0], len(self._ones))) for _ in range(3))
        for t, running in enumerate(batch.running):
            now = slice(starts[t], starts[t + 1])
            xp.gather(self._emissions, batch.ids[now], emitted[:running])
            if t == 0:
                xp.multiply(emitted, self._first_states(before), out=states)
            else:
                xp.matmul(states[:running], self._transitions, out=moved[:running])
                xp.multiply(moved[:running], emitted[:running], out=states[:running])
            self._scale(states[:running], scales[now])
        return _require_positive(xp.numpy(scales)), states[:1]

    def _first_states(self, before: Any) -> Any:
        """Return P(s | the events before it) of a batch's first events, (K,)."""
        return self._start if before is None else (before @ self._transitions)[0]

    def _scale(self, states: Any, scales: Any) -> None:
        """Write the sum of each row of `states` into `scales`, and divide the row by it."""
        self._library.matmul(states, self._ones, out=scales)
        self._library.divide(states, scales[:, None], out=states)


class LineFilter:
    """Predicts the next event of a line. If a line continues the one read before, only its new events are read."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._history: Ids = np.zeros(0, dtype=np.int32)
        self._states = parameters.start  # (K,) P(next state | history)

    def next_logprobs(self, history: Ids) -> Floats:
        """Return log P(symbol | history) of each symbol, (V,), in nats."""
        parameters, known = self._parameters, len(self._history)
        if not np.array_equal(history[:known], self._history):
            known, self._states = 0, parameters.start
        for symbol in history[known:]:
            joint = self._states * parameters.emissions[symbol]
            self._states = joint / joint.sum() @ parameters.transitions
        self._history = history
        return np.asarray(np.log(parameters.emissions @ self._states))


def _require_positive(scales: Floats) -> Floats:
    if not (scales > 0).all():
        raise LmbenchError("a line has probability 0 under this hidden Markov model")
    return scales
