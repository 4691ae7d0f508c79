"""Clusters of symbols with similar neighbors (Schütze 1995)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from lmbench.arrays import AnyInts, Floats, Ints

_NEIGHBORS = 2000  # only the most frequent symbols count as neighbors
_DIMENSIONS = 50
_POWERS = 6
_ITERATIONS = 15
_TINY = 1e-12


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
