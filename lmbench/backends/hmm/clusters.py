"""Clusters of symbols that have like neighbors (Schütze 1995): a start for the states of a hidden Markov model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_NEIGHBORS = 2000  # the most frequent symbols, which stand for all neighbors
_DIMENSIONS = 50
_POWERS = 6
_ITERATIONS = 15
_TINY = 1e-12


def clusters(lines: Sequence[NDArray[np.integer]], symbols: int, number: int) -> Ids:
    """The cluster of each symbol, 0 … number - 1: (symbols,).

    Symbols are points on a sphere: the square roots of their left and right neighbors' shares, reduced to 50
    dimensions. K-means starts from the most frequent symbols, so that nothing depends on chance.
    """
    frequency = np.bincount(np.concatenate(lines), minlength=symbols)
    frequent = np.argsort(-frequency, kind="stable")
    if number >= symbols:
        return np.argsort(frequent, kind="stable")
    with threadpool_limits(1, user_api="blas"):  # the products are small, and threads would wait for each other
        points, weights = _points(lines, frequency, frequent), np.sqrt(frequency)
        return _spherical_k_means(points, weights, _spread(points, weights, number))


def _points(lines: Sequence[NDArray[np.integer]], frequency: Ids, frequent: Ids) -> Floats:
    """Where each symbol lies, (symbols, dimensions): on the sphere, or in its middle where it has no neighbor."""
    symbols = len(frequency)
    rank = np.argsort(frequent, kind="stable")
    first = np.concatenate([line[:-1] for line in lines])
    second = np.concatenate([line[1:] for line in lines])
    neighbors = min(symbols, _NEIGHBORS)
    counts = sparse.hstack(
        [_counts(first, rank[second], symbols, neighbors), _counts(second, rank[first], symbols, neighbors)]
    )
    shares = sparse.diags_array(1 / np.maximum(frequency, 1)) @ counts
    points = _principal(shares.sqrt().tocsr())
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), _TINY))


def _principal(rows: sparse.csr_array) -> Floats:
    """Each row's coordinates in the directions in which rows differ most (Halko, Martinsson and Tropp 2011, 4.4)."""
    width = min(_DIMENSIONS, *rows.shape)
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], width))
    for _ in range(_POWERS):
        directions, _ = np.linalg.qr(rows.T @ (rows @ directions))
    return np.asarray(rows @ directions)


def _counts(symbols: NDArray[np.integer], neighbors: Ids, rows: int, columns: int) -> sparse.csr_array:
    """How often each symbol has each of the most frequent neighbors."""
    kept = neighbors < columns
    return sparse.csr_array((np.ones(kept.sum()), (symbols[kept], neighbors[kept])), shape=(rows, columns))


def _spread(points: Floats, weights: Floats, number: int) -> Floats:
    """Centers to begin with: the heaviest point, then again and again the one with most weight times distance."""
    centers = np.empty((number, points.shape[1]))
    nearest = np.full(len(points), -1.0)  # cosine of the angle to the nearest center
    for i in range(number):
        centers[i] = points[np.argmax(weights * (1 - nearest))]
        nearest = np.maximum(nearest, points @ centers[i])
    return centers


def _spherical_k_means(points: Floats, weights: Floats, centers: Floats) -> Ids:
    """The nearest center of each point, once centers have moved to their points' middle (Dhillon and Modha 2001)."""
    for _ in range(_ITERATIONS):
        nearest = (points @ centers.T).argmax(axis=1)
        belongs = sparse.csr_array((weights, (nearest, np.arange(len(points)))), shape=(len(centers), len(points)))
        middles = belongs @ points
        lengths = np.linalg.norm(middles, axis=1, keepdims=True)
        centers = np.where(lengths > _TINY, middles / np.maximum(lengths, _TINY), centers)
    return np.asarray((points @ centers.T).argmax(axis=1))
