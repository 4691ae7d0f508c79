"""Parameters from which training starts: clusters of symbols, or random ones.

Shapes: V symbols, K states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmbench.arrays import AnyInts, Floats, Ints
from lmbench.backends.hmm.clusters import cluster_symbols
from lmbench.backends.hmm.parameters import ExpectedCounts, Parameters

_NOISE = 0.1  # share of each symbol's emissions that random noise decides instead of the clusters


def random_start(symbols: int, states: int, seed: int) -> Parameters:
    """Return nearly equal emissions and uneven transitions, drawn as hmmlearn draws them."""
    rng = np.random.default_rng(seed)
    uneven = np.full(states, 1 / states)
    start, transitions = rng.dirichlet(uneven), rng.dirichlet(uneven, size=states)
    emissions = rng.random((symbols, states))
    return ExpectedCounts(start, transitions, emissions).parameters(1e-6)


def cluster_start(lines: Sequence[AnyInts], symbols: int, states: int, seed: int) -> Parameters:
    """Make each state a cluster of symbols with similar neighbors, and add noise that depends on the seed.

    Transitions are those between the clusters' symbols. If there are more states than symbols, some share a cluster.
    """
    number = min(states, symbols)
    labels = cluster_symbols(lines, symbols, number)
    rng = np.random.default_rng(seed)
    cluster = np.arange(states) % number  # of each state
    frequency = np.bincount(np.concatenate(lines), minlength=symbols) + 1.0
    noise = rng.gamma(1.0, size=(symbols, states))
    emissions = (labels[:, None] == cluster) * (1 - _NOISE) + _NOISE / states * noise
    starts, moves = _cluster_counts([labels[line] for line in lines], number)
    uneven = rng.gamma(1.0, size=(states, states)) if states > number else 1.0
    return ExpectedCounts(
        starts[cluster], moves[np.ix_(cluster, cluster)] * uneven, emissions * frequency[:, None]
    ).parameters(0.0)


def _cluster_counts(lines: Sequence[Ints], number: int) -> tuple[Floats, Floats]:
    """Count how often lines begin in each cluster, and how often one cluster follows another; add 1/2 to each count."""
    starts = np.bincount([line[0] for line in lines if len(line)], minlength=number).astype(np.float64)
    pairs = np.concatenate([line[:-1] * number + line[1:] for line in lines])
    moves = np.bincount(pairs, minlength=number**2).reshape(number, number).astype(np.float64)
    return starts + 0.5, moves + 0.5
