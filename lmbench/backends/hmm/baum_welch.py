"""Training hidden Markov models: starts, iterations of expectation and maximization, when to stop, smoothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.backends.hmm.clusters import clusters
from lmbench.backends.hmm.forward_backward import Counts, Floats, ForwardBackward, Line, Parameters

Step = Callable[[Parameters], tuple[float, Parameters]]
"""An iteration: the log-likelihood (nats) of the training lines under the given parameters, and the next parameters."""

Told = Callable[["Point"], None]

_NOISE = 0.1  # share of each state's emissions that its cluster does not decide at the start
_SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)
_PATIENCE = 3  # iterations


@dataclass(frozen=True, slots=True)
class Point:
    """An iteration: nats per event of the training lines before it, and of the validation lines, if any, after it."""

    iteration: int
    train: float
    valid: float | None


@dataclass(frozen=True, slots=True)
class Trained:
    """The parameters that were kept, those after `iteration` iterations, and how training went."""

    parameters: Parameters
    iteration: int
    points: tuple[Point, ...]

    @property
    def valid(self) -> float | None:
        """Nats per event of the validation lines under the parameters that were kept."""
        return self.points[self.iteration - 1].valid

    @property
    def nats(self) -> float:
        """`valid`, or infinity where there are no validation lines."""
        return _nats(self.points[self.iteration - 1])


def maximized(counts: Counts, prior: float) -> Parameters:
    """The most likely parameters, given the counts and a Dirichlet prior of `prior` pseudo-counts for each number."""
    start, transitions, emissions = counts.start + prior, counts.transitions + prior, counts.emissions + prior
    return Parameters(
        start / start.sum(),
        transitions / transitions.sum(axis=1, keepdims=True),
        emissions / emissions.sum(axis=0),
    )


def batched_step(lines: ForwardBackward, prior: float) -> Step:
    """An iteration of Baum and Welch by the batched algorithm."""

    def step(parameters: Parameters) -> tuple[float, Parameters]:
        counts = lines.counts(parameters)
        return counts.log_likelihood, maximized(counts, prior)

    return step


def random_start(symbols: int, states: int, seed: int) -> Parameters:
    """Nearly equal emissions and uneven transitions, drawn as hmmlearn draws them."""
    rng = np.random.default_rng(seed)
    uneven = np.full(states, 1 / states)
    start, transitions = rng.dirichlet(uneven), rng.dirichlet(uneven, size=states)
    emissions = rng.random((symbols, states))
    return maximized(Counts(start, transitions, emissions, 0.0), prior=1e-6)


def cluster_start(lines: Sequence[Line], symbols: int, states: int, seed: int) -> Parameters:
    """Each state begins as a cluster of symbols with like neighbors; the seed disturbs it a little.

    Transitions are those between the clusters' symbols. Where there are more states than symbols, some share a cluster.
    """
    number = min(states, symbols)
    labels = clusters(lines, symbols, number)
    rng = np.random.default_rng(seed)
    cluster = np.arange(states) % number  # of each state
    frequency = np.bincount(np.concatenate(lines), minlength=symbols) + 1.0
    own = (labels[:, None] == cluster) * (1 - _NOISE) + _NOISE / states * rng.gamma(1.0, size=(symbols, states))
    starts, moves = _cluster_counts([labels[line] for line in lines], number)
    uneven = rng.gamma(1.0, size=(states, states)) if states > number else 1.0
    return maximized(
        Counts(starts[cluster], moves[np.ix_(cluster, cluster)] * uneven, own * frequency[:, None], 0.0), 0.0
    )


def _cluster_counts(lines: list[NDArray[np.int64]], number: int) -> tuple[Floats, Floats]:
    """How often lines begin in each cluster, and clusters follow each other; half a time more than is so."""
    starts = np.bincount([line[0] for line in lines if len(line)], minlength=number).astype(np.float64)
    pairs = np.concatenate([line[:-1] * number + line[1:] for line in lines])
    moves = np.bincount(pairs, minlength=number**2).reshape(number, number).astype(np.float64)
    return starts + 0.5, moves + 0.5


def log_prior(parameters: Parameters, prior: float) -> float:
    """Nats: the logarithm of the Dirichlet prior's density, up to a constant, prior * sum(log θ) over all numbers θ.

    What an iteration never lowers is the training lines' log-likelihood plus this (Dempster, Laird and Rubin 1977).
    """
    numbers = (parameters.start, parameters.transitions, parameters.emissions)
    return prior * sum(float(np.log(part).sum()) for part in numbers)


@dataclass(frozen=True, slots=True)
class Limits:
    """When training ends: after so many iterations; when one gains less than `tolerance` nats per event of the training
    lines' log-likelihood and log_prior; before `deadline` (time.monotonic's seconds) passes."""

    iterations: int
    tolerance: float
    deadline: float


def train(
    step: Step,
    start: Parameters,
    prior: float,
    events: int,
    valid: ForwardBackward | None,
    limits: Limits,
    told: Told,
) -> Trained:
    """Iterations from `start` until a limit is met, or the validation lines have become no likelier three times.

    Args: prior, that of `step`; events, of the training lines. Kept are the parameters under which the validation lines
    are likeliest, or the last ones where there are none.
    """
    parameters, points, best, kept = start, list[Point](), start, 0
    reached = -float("inf")  # what is maximized, in nats
    for iteration in range(1, limits.iterations + 1):
        began = time.monotonic()
        density = log_prior(parameters, prior)
        likelihood, parameters = step(parameters)
        judged = None if valid is None else -valid.log_likelihood(parameters) / valid.events
        points.append(Point(iteration, -likelihood / events, judged))
        told(points[-1])
        if judged is None or not kept or judged < _nats(points[kept - 1]):
            best, kept = parameters, iteration
        gained, reached = (likelihood + density - reached) / events, likelihood + density
        late = 2 * time.monotonic() - began > limits.deadline  # the next one takes as long
        if iteration - kept >= _PATIENCE or gained < limits.tolerance or late:
            break
    return Trained(best, kept, tuple(points))


def _nats(point: Point) -> float:
    return float("inf") if point.valid is None else point.valid


def smoothed(parameters: Parameters, unigrams: Floats, valid: ForwardBackward) -> tuple[Parameters, float]:
    """The emissions mixed with `unigrams` (V,) as the validation lines like it best, and the share that they get."""

    def mixed(share: float) -> Parameters:
        emissions = (1 - share) * parameters.emissions + share * unigrams[:, None]
        return Parameters(parameters.start, parameters.transitions, emissions)

    share = max(_SHARES, key=lambda share: valid.log_likelihood(mixed(share)))
    return mixed(share), share
