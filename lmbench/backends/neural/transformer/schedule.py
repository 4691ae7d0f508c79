"""When a training ends, when it is evaluated, and how its learning rate changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lmbench.backends.neural.transformer.training_history import CurvePoint

_WARM_UP = 0.05  # share of the training
_EVALUATIONS = 50  # in a whole training
_STEPS_BETWEEN = 20  # evaluations, at least


@dataclass(frozen=True, slots=True)
class Schedule:
    """The length of a training and its learning rates.

    The number of steps sets the pace unless it is 0, so that the rates do not depend on the clock. Otherwise time does.

    Attributes:
        steps: The optimizer steps after which training ends; 0: only time ends it.
        budget: The seconds after which training ends in any case; None: only steps end it.
        peak_rate: The highest learning rate.
    """

    steps: int
    budget: float | None
    peak_rate: float

    def share(self, steps: int, seconds: float) -> float:
        """Return how much of the training is done, between 0 and 1, after this many steps and seconds."""
        by_time = seconds / self.budget if self.budget else 0.0
        by_steps = steps / self.steps if self.steps else by_time
        return 1.0 if max(by_steps, by_time) >= 1 else by_steps

    def is_out_of_time(self, seconds: float) -> bool:
        """Return whether the budget is used up."""
        return self.budget is not None and seconds >= self.budget

    def is_evaluation_due(self, steps: int, seconds: float, last: CurvePoint) -> bool:
        """Return whether to evaluate after this many steps and seconds, given the last evaluation."""
        share = self.share(steps, seconds)
        since = share - self.share(last.steps, last.seconds)
        return share == 1 or (since >= 1 / _EVALUATIONS and steps - last.steps >= _STEPS_BETWEEN)

    def rate(self, share: float) -> float:
        """Return the learning rate when this share of the training is done.

        It rises linearly during the warm-up, then falls along a cosine to a tenth of its peak.
        """
        if share < _WARM_UP:
            return self.peak_rate * max(share, 1e-3) / _WARM_UP
        return self.peak_rate * (0.55 + 0.45 * math.cos(math.pi * (share - _WARM_UP) / (1 - _WARM_UP)))
