"""The forward-backward algorithm over many lines: log-probabilities, posteriors and expected counts.

Shapes: V symbols, K states.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from lmbench.arrays import AnyInts, Floats
from lmbench.backends.hmm.array_library import ArrayLibrary, Device, Dtype, NumpyLibrary, TorchLibrary
from lmbench.backends.hmm.batches import Chain, make_chains
from lmbench.backends.hmm.parameters import ExpectedCounts, Parameters
from lmbench.backends.hmm.recursions import Buffers, Recursions
from lmbench.errors import LmbenchError

ShareResult = TypeVar("ShareResult")

_MOST_COUNTS = 1 << 28  # expected emissions of all shares together; bounds memory
_MOST_SHARES = 16
_LEAST_WORK = 512  # events times states of a share for each symbol, whose counts the shares add up in the end


class ForwardBackward:
    """The algorithm over fixed lines, under the parameters of one iteration after another.

    On the CPU each thread reads the batches of one share after another, with BLAS limited to one thread. There are as
    many threads as BLAS may use. The shares do not depend on their number, and neither does any result. With
    device="cuda" PyTorch reads all batches in turn.

    Products have the precision `dtype`, and so do sums of up to 256 emissions or 1,024 transitions. Sums of these sums
    are float64, and their order does not depend on timing.

    Attributes:
        events: The number of events of all lines.
    """

    def __init__(
        self, lines: Sequence[AnyInts], symbols: int, states: int, dtype: Dtype = "float32", device: Device = "cpu"
    ) -> None:
        _require_symbols(lines, symbols)
        chains = sorted(make_chains(lines, states), key=lambda chain: -chain.events)
        self.events = sum(chain.events for chain in chains)
        shares = 1 if device == "cuda" else _count_shares(self.events, symbols, states)
        shares = max(1, min(shares, len(chains)))
        self._shares = [chains[i::shares] for i in range(shares)]
        self._lines, self._symbols, self._states = len(lines), symbols, states
        self._library: ArrayLibrary = TorchLibrary(dtype, device) if device == "cuda" else NumpyLibrary(dtype)

    def expected_counts(self, parameters: Parameters) -> ExpectedCounts:
        """Return how often each start, transition and emission is expected, given the lines.

        Raises:
            LmbenchError: The counts overflow. This happens only if a start or transition is 0, and an unreachable
                state fits a line far better than any reachable one.
        """
        recursions = Recursions(parameters, self._library)
        total = _add_up(self._map_shares(lambda share: self._expect(recursions, share)))
        counts = replace(total, transitions=total.transitions * parameters.transitions)
        _require_finite(counts.start, counts.transitions, counts.emissions)
        return counts

    def log_likelihood(self, parameters: Parameters) -> float:
        """Return log P(lines), in nats."""
        return float(sum(logprobs.sum() for logprobs in self.logprobs(parameters)))

    def logprobs(self, parameters: Parameters) -> list[Floats]:
        """Return, for each line, log P(event | the line's events before it) of each event, in nats."""
        recursions = Recursions(parameters, self._library)
        return self._map_lines(lambda chain: np.log(recursions.scales(chain)), of_empty_line=np.zeros(0))

    def posteriors(self, parameters: Parameters) -> list[Floats]:
        """Return, for each line, P(state | line) of each event, (events, K).

        Raises:
            LmbenchError: As `expected_counts`.
        """
        recursions = Recursions(parameters, self._library)

        def chain_posteriors(chain: Chain) -> Floats:
            batches = recursions.posteriors(chain, Buffers(self._library, [chain], self._states))
            return np.concatenate([self._library.numpy(batch.posterior).copy() for batch in batches][::-1])

        posteriors = self._map_lines(chain_posteriors, of_empty_line=np.zeros((0, self._states)))
        _require_finite(*posteriors)
        return posteriors

    def _map_lines(self, compute: Callable[[Chain], Floats], of_empty_line: Floats) -> list[Floats]:
        """Compute a value for each event of each chain, and return them line by line."""
        by_line = [of_empty_line] * self._lines
        for share in self._map_shares(
            lambda share: [pair for chain in share for pair in chain.by_line(compute(chain))]
        ):
            for line, values in share:
                by_line[line] = values
        return by_line

    def _map_shares(self, compute: Callable[[list[Chain]], ShareResult]) -> Iterator[ShareResult]:
        """Yield what `compute` returns for each share, in their order."""

        def compute_quietly(share: list[Chain]) -> ShareResult:
            with np.errstate(all="ignore"):  # zero probabilities and overflow are checked afterwards
                return compute(share)

        threads = min(_count_threads(), len(self._shares))
        with _blas().limit(limits=1, user_api="blas"):
            if threads == 1:
                yield from map(compute_quietly, self._shares)
                return
            with ThreadPoolExecutor(threads) as pool:
                yield from pool.map(compute_quietly, self._shares)

    def _expect(self, recursions: Recursions, share: list[Chain]) -> ExpectedCounts:
        """Add up the counts of a share's chains; those of transitions lack the factor of their probability."""
        buffers = Buffers(self._library, share, self._states)
        start, transitions, log_likelihood = np.zeros(self._states), np.zeros((self._states,) * 2), 0.0
        emissions = np.zeros((self._symbols, self._states))
        for result in (result for chain in share for result in recursions.posteriors(chain, buffers)):
            batch = result.batch
            log_likelihood += float(np.log(result.scales).sum())
            if result.before is None:
                start += self._library.column_sums(result.posterior[: batch.running[0]])
            else:
                transitions += self._library.numpy(result.before.T @ buffers.backward[:1])
            for before, after in batch.transition_runs:
                transitions += self._library.numpy(buffers.forward[before].T @ buffers.backward[after])
            parts, sums = batch.symbol_sums
            added, begin = self._library.sparse_product(sums, result.posterior), 0
            for symbols in parts:
                emissions[symbols] += added[begin : begin + len(symbols)]
                begin += len(symbols)
        return ExpectedCounts(start, transitions, emissions, log_likelihood)


def _count_shares(events: int, symbols: int, states: int) -> int:
    """Return into how many shares to divide the lines. Each should have much more to do than to add up its counts."""
    worthwhile = max(2, events * states // (_LEAST_WORK * symbols))
    return min(_MOST_SHARES, worthwhile, _MOST_COUNTS // (symbols * states))


def _add_up(parts: Iterator[ExpectedCounts]) -> ExpectedCounts:
    """Add the later parts to the first one, in place."""
    total = next(parts)
    for part in parts:
        for name in ("start", "transitions", "emissions"):
            sums = getattr(total, name)
            sums += getattr(part, name)
        total = replace(total, log_likelihood=total.log_likelihood + part.log_likelihood)
    return total


def _require_symbols(lines: Sequence[AnyInts], symbols: int) -> None:
    for line in lines:
        if len(line) and not 0 <= line.min() <= line.max() < symbols:
            raise LmbenchError(f"a line has the symbols {line.min()} to {line.max()}, not 0 to {symbols - 1} at most")


def _require_finite(*arrays: Floats) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise LmbenchError(
            "expected counts overflow, because an unreachable state fits a line far better than any reachable one; "
            "give every start and transition a positive probability"
        )


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _count_threads() -> int:
    """Return how many threads this process may use: as many as BLAS, which a run limits, and at most one a core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = (int(library["num_threads"]) for library in _blas().info() if library["user_api"] == "blas")
    return min([cores, *limits])
