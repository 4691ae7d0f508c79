"""The history of a training: its best evaluation, and its learning curve."""

from lmbench.backends.neural.transformer.training_history import CurvePoint, TrainingHistory


def test_the_first_of_equal_evaluations_is_the_best():
    points = tuple(
        CurvePoint(seconds=0.0, steps=steps, events=steps, loss=None, bits_per_byte=bits)
        for steps, bits in enumerate((3.0, 2.0, 2.0))
    )
    history = TrainingHistory(identity="", points=points)
    assert history.best.steps == 1
    assert history.has_improved_within(2)
    assert not history.has_improved_within(1)


def test_exhibits_show_the_learning_curve(model):
    validation, loss = model.exhibits()
    assert (validation.kind, validation.unit, loss.unit) == ("lines", "bits per byte", "nats per event")
    assert len(validation.rows) == len(loss.rows) + 1 > 3
    assert validation.rows[-1][1] < validation.rows[0][1]
