"""Trainings of a tiny network on a periodic sequence, for the tests of training."""

import dataclasses

import numpy as np
import torch
from torch.nn import functional as F

from lmbench.backends.neural.transformer.batches import Example
from lmbench.backends.neural.transformer.networks import Decoder, Shape
from lmbench.backends.neural.transformer.schedule import Schedule
from lmbench.backends.neural.transformer.training import Objective, Training, TrainingPlan
from lmbench.progress import Progress

PLAN = TrainingPlan(
    schedule=Schedule(steps=40, budget=60, peak_rate=1e-2), optimizer="muon", patience=99, batch_tokens=64,
    negatives=0, precision=torch.float32, seed=3, folder=None, identity="a",
)  # fmt: skip
SHAPE = Shape(ids=12, context=8, layers=1, width=16, heads=2, dropout=0.2)
SEQUENCE = np.arange(200) * 7 % 11
COUNTS = np.bincount(SEQUENCE, minlength=12)


def plan_with(plan=PLAN, **changes):
    """Return a plan with other values of its fields, or of its schedule's."""
    scheduled = {field.name for field in dataclasses.fields(Schedule)} & changes.keys()
    schedule = dataclasses.replace(plan.schedule, **{name: changes.pop(name) for name in scheduled})
    return dataclasses.replace(plan, schedule=schedule, **changes)


def draw_epoch(generator):
    return [Example(SEQUENCE[i : i + 9], 8) for i in range(0, 190, 8)]


def start_training(plan, values=None, kind=Decoder, draw_epoch=draw_epoch):
    """Return a new network, and its training.

    Args:
        plan: How to train.
        values: The results of the evaluations; None: the cost of the first events.
        kind: The class of the network.
        draw_epoch: Returns the examples of an epoch.
    """
    torch.manual_seed(0)
    network = kind(SHAPE)
    ids = torch.from_numpy(SEQUENCE)[None]

    @torch.inference_mode()
    def evaluate():
        return next(values) if values else F.cross_entropy(network.eval()(ids[:, :8], 8)[0], ids[0, 1:9]).item()

    return network, Training(network, Objective(draw_epoch, COUNTS, evaluate), plan)


class KilledError(Exception):
    pass


class KilledAfter(Progress):
    """Kills a training after a number of steps."""

    def __init__(self, steps):
        self._steps = steps

    def __call__(self, message, share):
        if message.startswith(f"step {self._steps},"):
            raise KilledError
