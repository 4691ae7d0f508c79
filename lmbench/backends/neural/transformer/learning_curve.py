"""The course of a training as exhibits."""

from __future__ import annotations

from lmbench.backends.neural.transformer.training_history import TrainingHistory
from lmbench.backends.neural.transformer.validation import VALIDATION_EVENTS
from lmbench.exhibit import Exhibit


def learning_curve(history: TrainingHistory) -> tuple[Exhibit, Exhibit]:
    """Return the validation bits per byte, and the training loss, over seconds."""
    points, last = history.points, history.points[-1]
    extent = f"{last.steps:,} steps, {last.events:,} events in {last.seconds:,.0f} s"
    text = f"the validation text's first {VALIDATION_EVENTS:,} events"
    validation = Exhibit(
        title="Validation",
        shows=f"bits per byte of {text} over training: {extent}; best after {history.best.steps:,} steps",
        kind="lines",
        columns=("seconds", "validation"),
        rows=tuple((round(point.seconds, 3), point.bits_per_byte) for point in points),
        unit="bits per byte",
    )
    loss = Exhibit(
        title="Training loss",
        shows="mean training cost of an event since the evaluation before, with dropout",
        kind="lines",
        columns=("seconds", "loss"),
        rows=tuple((round(point.seconds, 3), point.loss) for point in points if point.loss is not None),
        unit="nats per event",
    )
    return validation, loss
