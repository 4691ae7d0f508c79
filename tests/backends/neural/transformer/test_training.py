"""Training: what ends it, which weights it keeps, and that it resumes after a kill to the same weights."""

import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lmbench.backends.neural.transformer.batches import Example
from lmbench.backends.neural.transformer.networks import Decoder, EncoderDecoder
from lmbench.backends.neural.windows import segments
from lmbench.errors import SpecError
from lmbench.progress import SILENT, Progress
from tests.backends.neural.transformer.small_trainings import (
    PLAN,
    KilledAfter,
    KilledError,
    draw_epoch,
    plan_with,
    start_training,
)
from tests.recording import Recorded

pytestmark = pytest.mark.usefixtures("one_thread", "frequent_evaluations")


class RecordedRates(Progress):
    """Records the learning rate of each step."""

    def __init__(self, training):
        self._training, self.rates = training, []

    def __call__(self, message, share):
        self.rates.append(self._training._optimizer._adamw.param_groups[0]["lr"])


def points(history):
    return [(p.steps, p.events, p.loss and pytest.approx(p.loss), p.bits_per_byte) for p in history.points]


@pytest.mark.parametrize(("optimizer", "negatives"), [("muon", 0), ("muon", 5), ("adamw", 0)])
def test_training_resumes_after_a_kill_to_the_same_weights(tmp_path, optimizer, negatives):
    plan = plan_with(optimizer=optimizer, negatives=negatives)
    whole, training = start_training(plan)
    expected = training.run(SILENT)
    kept = plan_with(plan, folder=tmp_path / "kept")
    with pytest.raises(KilledError):
        start_training(kept)[1].run(KilledAfter(25))
    resumed, training = start_training(kept)
    progress = Recorded()
    history = training.run(progress)
    assert progress.messages[0][0].startswith("step 21,")  # the last evaluation before the kill was at 20
    assert [(p.steps, p.events, p.bits_per_byte) for p in history.points] == [
        (p.steps, p.events, p.bits_per_byte) for p in expected.points
    ]
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name
    finished, training = start_training(kept)
    progress = Recorded()
    training.run(progress)
    assert progress.messages == []  # a finished training takes no more steps
    assert torch.equal(finished.tokens.weight, whole.tokens.weight)


def test_if_steps_set_the_pace_a_training_that_a_budget_ended_resumes_with_more_time(tmp_path, monkeypatch):
    """It ends as if there had been no budget, although the evaluation at the budget's end was the best so far."""
    values = [9.0, 8.0, 7.0, 1.0, 6.5, 6.0]  # at 0, 10, 20, 25 (the budget's end), 30 and 40 steps
    whole, training = start_training(plan_with(budget=None), iter([*values[:3], *values[4:]]))
    expected = training.run(SILENT)
    now = iter(range(10_000))  # a second a step
    monkeypatch.setattr("lmbench.backends.neural.transformer.training.time.monotonic", lambda: float(next(now)))
    kept = plan_with(budget=25, folder=tmp_path)
    first, training = start_training(kept, iter(values))
    ended = training.run(SILENT)
    assert [point.steps for point in ended.points] == [0, 10, 20, 25]
    assert (ended.best.steps, ended.ended_by) == (25, 25)
    same, training = start_training(kept, iter(()))  # the same again, without a step
    assert points(training.run(SILENT)) == points(ended)
    assert torch.equal(same.tokens.weight, first.tokens.weight)
    with pytest.raises(SpecError, match="holds 25 s of this training, more than a budget of 20 s; use a larger one"):
        start_training(plan_with(kept, budget=20), iter(()))[1].run(SILENT)
    longer, training = start_training(plan_with(kept, budget=None), iter(values[4:]))
    assert points(training.run(SILENT)) == points(expected)
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, longer.state_dict()[name]), name


def test_training_keeps_the_best_weights_and_stops_if_nothing_improves():
    values = iter([5.0, 3.0, 4.0, 3.5, 9.0, 9.0])
    plan = plan_with(steps=400, patience=3)
    network, training = start_training(plan, values)
    history = training.run(SILENT)
    assert [point.bits_per_byte for point in history.points] == [5.0, 3.0, 4.0, 3.5, 9.0]
    assert (history.best.steps, history.points[-1].steps) == (10, 40)
    short, training = start_training(plan_with(plan, patience=1), iter([5.0, 3.0, 4.0]))
    training.run(SILENT)
    assert torch.equal(network.tokens.weight, short.tokens.weight)


def test_without_a_budget_no_time_ends_training(monkeypatch):
    now = iter(range(0, 10**9, 10**5))  # a day a step
    monkeypatch.setattr("lmbench.backends.neural.transformer.training.time.monotonic", lambda: float(next(now)))
    slow, training = start_training(plan_with(budget=None))
    assert [point.steps for point in training.run(SILENT).points] == [0, 10, 20, 30, 40]
    monkeypatch.undo()
    quick, training = start_training(plan_with(budget=None))
    training.run(SILENT)
    assert torch.equal(slow.tokens.weight, quick.tokens.weight)


def test_time_ends_training():
    _, training = start_training(plan_with(budget=0.4, steps=0))
    progress = Recorded()
    history = training.run(progress)
    shares = [share for _, share in progress.messages]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert history.points[-1].seconds >= 0.4


def test_with_a_number_of_steps_the_clock_changes_no_rate():
    """The first batch of a large text may come late; the rate of the first step is that of step 0 all the same."""

    def draw_late(generator):
        time.sleep(0.3)
        return draw_epoch(generator)

    plan = plan_with(steps=1, budget=3)
    prompt, training = start_training(plan)
    training.run(SILENT)
    slow, training = start_training(plan, draw_epoch=draw_late)
    training.run(SILENT)
    assert torch.equal(prompt.tokens.weight, slow.tokens.weight)


def test_each_step_has_the_rate_of_the_share_done_before_it():
    _, training = start_training(PLAN)
    progress = RecordedRates(training)
    training.run(progress)
    assert progress.rates == [PLAN.schedule.rate(number / 40) for number in range(40)]


@pytest.mark.parametrize("kind", [Decoder, EncoderDecoder])
def test_both_networks_learn_a_period(kind):
    sequence = np.arange(400) % 11

    def draw_period(generator):
        return [
            Example(sequence[w.start : w.end + 1], w.end - w.first)
            for w in segments(399, 8)
            if kind is EncoderDecoder or w.start == w.first
        ] or [Example(sequence[i : i + 9], 8) for i in range(0, 390, 8)]

    network, training = start_training(plan_with(steps=150), iter(range(99, 0, -1)), kind, draw_period)
    training.run(SILENT)
    ids = torch.from_numpy(sequence)[None]
    with torch.no_grad():
        logits = network.eval()(ids[:, :16] if kind is EncoderDecoder else ids[:, :8], 8)
        targets = ids[0, 9:17] if kind is EncoderDecoder else ids[0, 1:9]
    assert F.cross_entropy(logits[0], targets).item() < 0.2
