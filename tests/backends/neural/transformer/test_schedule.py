"""The schedule: learning rates by hand, and the course of a training."""

import numpy as np
import pytest

from lmbench.backends.neural.transformer.schedule import Schedule
from lmbench.backends.neural.transformer.training_history import CurvePoint


def point(steps, bits_per_byte=1.0, seconds=0.0):
    return CurvePoint(seconds=seconds, steps=steps, events=steps, loss=None, bits_per_byte=bits_per_byte)


def test_learning_rates_rise_and_fall():
    """By hand: half of the peak in the middle of the warm-up, and 0.55 of it halfway down the cosine to a tenth."""
    schedule = Schedule(steps=40, budget=None, peak_rate=2.0)
    assert [schedule.rate(share) for share in (0.025, 0.05, 0.525, 1.0)] == pytest.approx([1.0, 2.0, 1.1, 0.2])
    rates = [schedule.rate(share) for share in np.linspace(0, 1, 101)]
    assert 0 < rates[0] < 0.2
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_steps_set_the_pace_and_the_budget_only_ends_training():
    schedule = Schedule(steps=40, budget=100, peak_rate=1.0)
    assert [schedule.share(*done) for done in ((0, 0), (10, 99), (40, 1), (10, 100))] == [0, 0.25, 1, 1]
    assert [schedule.is_out_of_time(seconds) for seconds in (99, 100)] == [False, True]


def test_without_steps_time_sets_the_pace():
    schedule = Schedule(steps=0, budget=100, peak_rate=1.0)
    assert [schedule.share(*done) for done in ((7, 0), (7, 25), (7, 101))] == [0, 0.25, 1]


def test_without_a_budget_only_steps_count():
    schedule = Schedule(steps=40, budget=None, peak_rate=1.0)
    assert [schedule.share(10, seconds) for seconds in (0, 10**9)] == [0.25, 0.25]
    assert not schedule.is_out_of_time(10**9)


def test_evaluations_are_a_fiftieth_of_the_training_and_twenty_steps_apart():
    """By hand: a fiftieth of 5,000 steps is 100 steps; a fiftieth of 500 is 10, which is less than 20."""
    for steps, due in ((5000, 100), (500, 20)):
        schedule = Schedule(steps=steps, budget=None, peak_rate=1.0)
        last = point(steps=40)
        assert not schedule.is_evaluation_due(40 + due - 1, 0.0, last)
        assert schedule.is_evaluation_due(40 + due, 0.0, last)
        assert schedule.is_evaluation_due(steps, 0.0, point(steps=steps - 1))  # the end
