"""The course of a training: its evaluations, what ended it, and its learning curve."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from lmbench.backends.neural.transformer.validation import VALIDATION_EVENTS
from lmbench.exhibit import Exhibit


class CurvePoint(BaseModel):
    """One evaluation: a point of the learning curve.

    Attributes:
        seconds: The training time so far.
        steps: The optimizer steps so far.
        events: The events learned from so far.
        loss: The mean training loss since the evaluation before, in nats per event; None for the first evaluation.
        bits_per_byte: The cost of the validation text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    seconds: float
    steps: int
    events: int
    loss: float | None
    bits_per_byte: float


class TrainingHistory(BaseModel):
    """The evaluations of one training.

    Attributes:
        identity: Everything that decides which weights result; only a training with the same identity may resume.
        points: The evaluations, in order.
        ended_by: The budget, in seconds, that ended the training; None if it continues, or if something else ended it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    identity: str
    points: tuple[CurvePoint, ...] = Field(min_length=1)
    ended_by: float | None = None

    @property
    def best(self) -> CurvePoint:
        """The best evaluation; the first of equal ones."""
        return min(self.points, key=lambda point: point.bits_per_byte)

    @property
    def is_still_improving(self) -> bool:
        """Whether the last evaluation is the best one."""
        return self.best is self.points[-1]

    def has_improved_within(self, evaluations: int) -> bool:
        """Return whether the best evaluation is one of the last `evaluations`."""
        return len(self.points) - 1 - self.points.index(self.best) < evaluations


def learning_curve(
    history: TrainingHistory, judged_on: str = f"the validation text's first {VALIDATION_EVENTS:,} events"
) -> tuple[Exhibit, Exhibit]:
    """Return the validation bits per byte, and the training loss, over optimizer steps.

    Args:
        history: The course of the training.
        judged_on: Describes the text that an evaluation scores.
    """
    points, last = history.points, history.points[-1]
    extent = f"{last.steps:,} steps, {last.events:,} events"
    validation = Exhibit(
        title="Validation",
        shows=f"bits per byte of {judged_on} over training: {extent}; best after {history.best.steps:,} steps",
        kind="lines",
        columns=("steps", "validation"),
        rows=tuple((point.steps, point.bits_per_byte) for point in points),
        unit="bits per byte",
    )
    loss = Exhibit(
        title="Training loss",
        shows="mean training cost of an event since the evaluation before, with dropout",
        kind="lines",
        columns=("steps", "loss"),
        rows=tuple((point.steps, point.loss) for point in points if point.loss is not None),
        unit="nats per event",
    )
    return validation, loss
