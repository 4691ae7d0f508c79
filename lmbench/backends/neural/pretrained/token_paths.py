"""Probabilities of token paths that follow the same beginning, which the network reads once for all of them.

Shapes in comments: F forks, B tokens of their beginnings, R rows, T tokens of the longest row, N nodes, C width of the
states, V rows of the model's output.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Self

import numpy as np
import torch
from transformers import DynamicCache

from lmbench.backends.neural.pretrained.causal_head import Head, accepts, run_uncached
from lmbench.backends.neural.pretrained.causal_network import CausalNetwork
from lmbench.backends.neural.pretrained.hub_model import positions

Path = tuple[int, ...]
"""The ids of tokens that follow each other."""

Prices = dict[Path, dict[int, float]]
"""Nats of the tokens that follow each node of a fork."""

Row = tuple[int, Path]
"""Tokens that are read in one row, after the number of their fork."""

_PROBE_TOKENS = 8


@dataclass(frozen=True, slots=True)
class _Fork:
    """A beginning, and the tree of the paths that follow it.

    Attributes:
        beginning: At least one token.
        paths: The paths.
        tokens: For each node, which is the beginning of a path, the tokens that follow it in some path.
        rows: The nodes that no other node continues. To read them is to read all nodes.
    """

    beginning: Path
    paths: tuple[Path, ...]
    tokens: Mapping[Path, Sequence[int]]
    rows: tuple[Path, ...]

    @classmethod
    def of(cls, beginning: Path, paths: Iterable[Path]) -> Self:
        distinct, tokens = tuple(dict.fromkeys(paths)), dict[Path, dict[int, None]]()
        for path in distinct:
            for size, token in enumerate(path):
                tokens.setdefault(path[:size], {})[token] = None
        rows = [node for node, other in pairwise([*sorted(tokens), ()]) if node and other[: len(node)] != node]
        return cls(beginning, distinct, {node: [*following] for node, following in tokens.items()}, tuple(rows))

    def sum(self, prices: Prices) -> dict[Path, float]:
        """Return the log-probability of each path, given those of the tokens after each node."""
        return {path: sum(prices[path[:size]][token] for size, token in enumerate(path)) for path in self.paths}


@dataclass(frozen=True, slots=True)
class PathReader:
    """Reads paths in batches, in which beginnings are equally long.

    Attributes:
        network: The network.
        head: Its head.
        batch_tokens: The number of tokens to read at once.
    """

    network: CausalNetwork
    head: Head
    batch_tokens: int

    @classmethod
    def find(cls, network: CausalNetwork, batch_tokens: int) -> Self | None:
        """Return a reader; None if the states of a beginning cannot serve several paths of this network."""
        return cls(network, network.head, batch_tokens) if network.head and _can_fork(network) else None

    def logprobs(self, paths: Mapping[Path, Iterable[Path]]) -> dict[Path, dict[Path, float]]:
        """Return log P(path | beginning), in nats, of each path by its beginning.

        Args:
            paths: The paths by their beginnings, which have at least one token.
        """
        forks = sorted((_Fork.of(*pair) for pair in paths.items()), key=_size)
        batches = [batch for _, alike in groupby(forks, key=_size) for batch in self._divide_forks([*alike])]
        return {
            fork.beginning: fork.sum(prices)
            for batch in batches
            for fork, prices in zip(batch, self._read(batch), strict=True)
        }

    def _divide_forks(self, forks: Sequence[_Fork]) -> Iterator[Sequence[_Fork]]:
        """Yield forks that are read at once and whose beginnings fit in half of the cache, but at least one."""
        number = max(1, min(self.batch_tokens, self.network.cached_tokens // 2) // _size(forks[0]))
        for first in range(0, len(forks), number):
            yield forks[first : first + number]

    def _divide_rows(self, rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
        """Yield rows of similar length that are read at once and fit in half of the cache, but at least one.

        Args:
            rows: The rows.
            size: The number of tokens before them.
        """
        left = sorted(rows, key=lambda row: len(row[1]), reverse=True)
        while left:
            longest = len(left[0][1])
            fitting = min(self.batch_tokens // longest, self.network.cached_tokens // (2 * (size + longest)))
            number = min(max(1, fitting), sum(2 * len(row) > longest for _, row in left))
            yield left[:number]
            left = left[number:]

    def _read(self, forks: Sequence[_Fork]) -> list[Prices]:
        """Return the prices of forks whose beginnings are equally long."""
        states, cache = self.network.read(np.array([fork.beginning for fork in forks]))  # (F, B, C)
        nodes = {(number, Path()): last for number, last in enumerate(states[:, -1])}
        rows = [(number, row) for number, fork in enumerate(forks) for row in fork.rows]
        for part in self._divide_rows(rows, _size(forks[0])):
            for (number, row), after in zip(part, self._read_rows(part, cache), strict=True):
                nodes |= {(number, row[: place + 1]): after[place] for place in range(len(row))}
        tokens = [forks[number].tokens.get(node, ()) for number, node in nodes]
        prices: list[Prices] = [{} for _ in forks]
        for (number, node), found in zip(nodes, self._price([*nodes.values()], tokens), strict=True):
            prices[number][node] = found
        return prices

    def _read_rows(self, rows: Sequence[Row], cache: DynamicCache) -> torch.Tensor:
        """Return the last states (R, T, C) of rows that follow the cached beginnings. The longest row is the first."""
        ids = np.zeros((len(rows), len(rows[0][1])), dtype=np.int64)  # padded at their ends
        for place, (_, row) in enumerate(rows):
            ids[place, : len(row)] = row
        branches = copy.deepcopy(cache)
        branches.reorder_cache(torch.LongTensor([number for number, _ in rows]))
        return self.network.read(ids, branches)[0]

    @torch.inference_mode()
    def _price(self, states: Sequence[torch.Tensor], tokens: Sequence[Sequence[int]]) -> Iterator[dict[int, float]]:
        """Yield the log-probabilities (nats) of tokens after each of the last states (C,)."""
        size = self.network.budget.targets(2 * self.network.rows)  # in float64
        for first in range(0, len(states), size):
            logits = self.head.logits(torch.stack([*states[first : first + size]]))  # (N, V)
            for logprobs, ids in zip(logits.double().log_softmax(-1), tokens[first : first + size], strict=True):
                yield dict(zip(ids, logprobs[[*ids]].tolist(), strict=True))


def _size(fork: _Fork) -> int:
    return len(fork.beginning)


def _can_fork(network: CausalNetwork) -> bool:
    """Return whether rows that continue copies of a cached beginning have the states of whole texts."""
    size, trunk = min(_PROBE_TOKENS, positions(network.model) or _PROBE_TOKENS), network.model.base_model
    if size < 2 or not accepts(trunk, "past_key_values"):
        return False
    ids = np.arange(size)[None] % network.rows
    _, cache = network.read(ids[:, :-1])
    if not isinstance(cache, DynamicCache):
        return False
    cache.reorder_cache(torch.LongTensor([0, 0]))
    last, _ = network.read(ids[[0, 0], -1:], cache)
    with torch.inference_mode():
        whole = run_uncached(trunk, torch.from_numpy(ids).to(network.model.device)).last_hidden_state
    tolerance = 100 * torch.finfo(whole.dtype).eps
    return bool(torch.allclose(last[:, 0], whole[:, -1], atol=tolerance, rtol=tolerance))
