"""The history of a training: its best evaluation, and its learning curve."""

from lmbench.backends.neural.transformer.training_history import CurvePoint, TrainingHistory, learning_curve


def history_of(*values):
    points = (
        CurvePoint(seconds=0.0, steps=steps, events=steps, loss=None, bits_per_byte=bits)
        for steps, bits in enumerate(values)
    )
    return TrainingHistory(identity="", points=tuple(points))


def test_the_first_of_equal_evaluations_is_the_best():
    history = history_of(3.0, 2.0, 2.0)
    assert history.best.steps == 1
    assert history.has_improved_within(2)
    assert not history.has_improved_within(1)


def test_a_training_still_improves_if_its_last_evaluation_is_the_best():
    assert history_of(3.0, 2.0, 1.9).is_still_improving
    assert not history_of(3.0, 2.0, 2.0).is_still_improving


def test_the_learning_curve_does_not_depend_on_the_clock():
    """Two runs show the same numbers, however fast the machine was."""
    slow = history_of(3.0, 2.0)
    quick = slow.model_copy(update={"points": tuple(p.model_copy(update={"seconds": 7.0}) for p in slow.points)})
    assert learning_curve(slow) == learning_curve(quick)
    assert learning_curve(slow)[0].rows == ((0, 3.0), (1, 2.0))


def test_exhibits_show_the_learning_curve(model):
    validation, loss = model.exhibits()
    assert (validation.kind, validation.unit, loss.unit) == ("lines", "bits per byte", "nats per event")
    assert len(validation.rows) == len(loss.rows) + 1 > 3
    assert validation.rows[-1][1] < validation.rows[0][1]
