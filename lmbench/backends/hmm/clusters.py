"""Parameters from which training starts: clusters of symbols with similar neighbors (Schütze 1995), or random ones.

Shapes: V symbols, K states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from lmbench.arrays import AnyInts, Floats, Ints
from lmbench.backends.hmm.parameters import ExpectedCounts, Parameters

_NEIGHBORS = 2000  # only the most frequent symbols count as neighbors
_DIMENSIONS = 50
_POWERS = 6
_ITERATIONS = 15
_TINY = 1e-12
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


def cluster_symbols(lines: Sequence[AnyInts], symbols: int, number: int) -> Ints:
    """Return the cluster of each symbol, (symbols,), from 0 to number - 1.

    Each symbol is a point on a sphere: the square roots of the shares of its left and right neighbors, reduced to 50
    dimensions. K-means starts from the most frequent symbols, so the result is deterministic.
    """
    frequency = np.bincount(np.concatenate(lines), minlength=symbols)
    frequent = np.argsort(-frequency, kind="stable")
    if number >= symbols:
        return np.argsort(frequent, kind="stable")
    with threadpool_limits(1, user_api="blas"):  # the products are so small that threads only wait for each other
        points, weights = _points(lines, frequency, frequent), np.sqrt(frequency)
        return _spherical_k_means(points, weights, _first_centers(points, weights, number))


def _points(lines: Sequence[AnyInts], frequency: Ints, frequent: Ints) -> Floats:
    """Return each symbol's point, (symbols, dimensions). A symbol without neighbors lies in the sphere's center."""
    symbols = len(frequency)
    rank = np.argsort(frequent, kind="stable")
    first = np.concatenate([line[:-1] for line in lines])
    second = np.concatenate([line[1:] for line in lines])
    shape = symbols, min(symbols, _NEIGHBORS)
    counts = sparse.hstack([_neighbor_counts(first, rank[second], shape), _neighbor_counts(second, rank[first], shape)])
    shares = sparse.diags_array(1 / np.maximum(frequency, 1)) @ counts
    points = _principal_components(shares.sqrt().tocsr())
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), _TINY))


def _neighbor_counts(symbols: AnyInts, neighbors: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    """Count how often each symbol occurs with each neighbor whose rank is below shape[1]."""
    kept = neighbors < shape[1]
    return sparse.csr_array((np.ones(kept.sum()), (symbols[kept], neighbors[kept])), shape=shape)


def _principal_components(rows: sparse.csr_array) -> Floats:
    """Return the rows' coordinates along the principal directions (Halko, Martinsson and Tropp 2011, 4.4)."""
    width = min(_DIMENSIONS, *rows.shape)
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], width))
    for _ in range(_POWERS):
        directions, _ = np.linalg.qr(rows.T @ (rows @ directions))
    return np.asarray(rows @ directions)


def _first_centers(points: Floats, weights: Floats, number: int) -> Floats:
    """Choose the heaviest point, then repeatedly the point with the largest weight times distance from the centers."""
    centers = np.empty((number, points.shape[1]))
    nearest = np.full(len(points), -1.0)  # cosine of the angle to the nearest center
    for i in range(number):
        centers[i] = points[np.argmax(weights * (1 - nearest))]
        nearest = np.maximum(nearest, points @ centers[i])
    return centers


def _spherical_k_means(points: Floats, weights: Floats, centers: Floats) -> Ints:
    """Move the centers to the means of their points; return each point's center (Dhillon and Modha 2001)."""
    for _ in range(_ITERATIONS):
        nearest = (points @ centers.T).argmax(axis=1)
        members = sparse.csr_array((weights, (nearest, np.arange(len(points)))), shape=(len(centers), len(points)))
        means = members @ points
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        centers = np.where(lengths > _TINY, means / np.maximum(lengths, _TINY), centers)
    return np.asarray((points @ centers.T).argmax(axis=1))


def _cluster_counts(lines: Sequence[Ints], number: int) -> tuple[Floats, Floats]:
    """Count how often lines begin in each cluster, and how often one cluster follows another; add 1/2 to each count."""
    starts = np.bincount([line[0] for line in lines if len(line)], minlength=number).astype(np.float64)
    pairs = np.concatenate([line[:-1] * number + line[1:] for line in lines])
    moves = np.bincount(pairs, minlength=number**2).reshape(number, number).astype(np.float64)
    return starts + 0.5, moves + 0.5
