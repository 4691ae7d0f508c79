"""Baum and Welch's algorithm: EM iterations, and when they stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters

EmStep = Callable[[Parameters], tuple[float, Parameters]]
"""An EM iteration: parameters -> the training lines' log-likelihood under them (nats), and the next parameters."""

_PATIENCE = 3  # iterations without improvement on the validation lines


@dataclass(frozen=True, slots=True)
class EmPoint:
    """The progress of one iteration.

    Attributes:
        iteration: Number of the iteration, from 1.
        train_nats: Nats per event of the training lines, under the parameters before the iteration.
        valid_nats: Nats per event of the validation lines, under the parameters after it; None if there are none.
    """

    iteration: int
    train_nats: float
    valid_nats: float | None

    def improves_on(self, other: EmPoint) -> bool:
        """Return whether the validation lines prefer this iteration. Without such lines every iteration improves."""
        return self.valid_nats is None or other.valid_nats is None or self.valid_nats < other.valid_nats


@dataclass(frozen=True, slots=True)
class TrainedParameters:
    """The result of training.

    Attributes:
        parameters: Parameters after the best iteration.
        iteration: Number of that iteration.
        points: Progress of every iteration.
    """

    parameters: Parameters
    iteration: int
    points: tuple[EmPoint, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """When training stops.

    Attributes:
        iterations: Maximum number of iterations.
        tolerance: Training stops when an iteration raises the training lines' log-likelihood plus the log-prior by
            less than this, in nats per event.
        deadline: The end of the time allowed, in time.monotonic's seconds. No iteration starts that would exceed it.
    """

    iterations: int
    tolerance: float
    deadline: float


@dataclass(frozen=True, slots=True)
class BaumWelch:
    """The algorithm on given lines.

    Attributes:
        step: One iteration.
        prior: The pseudo-count that `step` adds to each count.
        events: The number of events of the training lines.
        valid: The validation lines, or None.
    """

    step: EmStep
    prior: float
    events: int
    valid: ForwardBackward | None

    def train(self, start: Parameters, limits: Limits, record: Callable[[EmPoint], None]) -> TrainedParameters:
        """Iterate until a limit is reached, or until the validation lines have not improved three times in a row.

        Args:
            start: The parameters to start from.
            limits: The limits.
            record: Called after each iteration.

        Returns:
            The parameters that the validation lines prefer; without such lines, the last ones.
        """
        parameters, objective = start, -float("inf")
        points, best = list[EmPoint](), start
        kept: EmPoint | None = None
        for iteration in range(1, limits.iterations + 1):
            began, before = time.monotonic(), objective
            density = parameters.log_prior(self.prior)
            likelihood, parameters = self.step(parameters)
            objective = likelihood + density
            point = EmPoint(iteration, -likelihood / self.events, self._validate(parameters))
            points.append(point)
            record(point)
            if kept is None or point.improves_on(kept):
                best, kept = parameters, point
            late = 2 * time.monotonic() - began > limits.deadline  # the next iteration takes as long as this one
            gained = (objective - before) / self.events
            if late or gained < limits.tolerance or iteration - kept.iteration >= _PATIENCE:
                break
        return TrainedParameters(best, kept.iteration if kept else 0, tuple(points))

    def _validate(self, parameters: Parameters) -> float | None:
        return None if self.valid is None else -self.valid.log_likelihood(parameters) / self.valid.events


def batched_step(lines: ForwardBackward, prior: float) -> EmStep:
    """Return an EM iteration on these lines by the batched algorithm, with pseudo-counts `prior`."""

    def step(parameters: Parameters) -> tuple[float, Parameters]:
        counts = lines.expected_counts(parameters)
        return counts.log_likelihood, counts.parameters(prior)

    return step
