"""The training loop: steps, evaluations, and checkpoints from which it resumes."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.batches import DrawEpoch, Example, batches
from lmbench.backends.neural.transformer.checkpoint import Checkpoint, checkpoint_path, read_checkpoint
from lmbench.backends.neural.transformer.networks import Network
from lmbench.backends.neural.transformer.optimizer import Optimizer
from lmbench.backends.neural.transformer.sampled_softmax import SampledSoftmax
from lmbench.backends.neural.transformer.schedule import Schedule
from lmbench.backends.neural.transformer.training_history import CurvePoint, TrainingHistory
from lmbench.errors import SpecError
from lmbench.progress import Progress


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train.

    Attributes:
        schedule: When training ends, and its learning rates.
        optimizer: ``muon`` or ``adamw``.
        patience: The evaluations without improvement after which it ends.
        batch_tokens: The events of one optimizer step.
        negatives: The ids that a step draws for its softmax; 0: it normalizes over all ids.
        precision: The type of matrix products: float32, or bfloat16 (weights stay float32).
        seed: The seed of batches, dropout and negatives.
        folder: The folder of the checkpoint; None: none is written.
        identity: Everything that decides which weights result. A checkpoint of another identity is refused.
    """

    schedule: Schedule
    optimizer: str
    patience: int
    batch_tokens: int
    negatives: int
    precision: torch.dtype
    seed: int
    folder: Path | None
    identity: str


@dataclass(frozen=True, slots=True)
class Objective:
    """The examples that a network learns from, and how it is judged.

    Attributes:
        draw_epoch: Returns the examples of an epoch.
        counts: (V,) how often each id is predicted in an epoch.
        evaluate: Returns the bits per byte of the validation text.
        mixed: Whether examples of different contexts share a batch.
    """

    draw_epoch: DrawEpoch
    counts: Ints
    evaluate: Callable[[], float]
    mixed: bool = False


class Training:
    """Trains a network from its first weights to its best ones."""

    def __init__(self, network: Network, objective: Objective, plan: TrainingPlan) -> None:
        self._network, self._objective, self._plan = network, objective, plan
        softmax = SampledSoftmax(objective.counts, plan.negatives) if plan.negatives else None
        self._optimizer = Optimizer(network, plan.optimizer, softmax, plan.precision, plan.seed)
        self._best: dict[str, Tensor] = {}
        self._points: list[CurvePoint] = []
        self._ended_by: float | None = None
        self._steps, self._events, self._seconds = 0, 0, 0.0
        self._losses: list[float] = []  # since the last evaluation

    def run(self, progress: Progress) -> TrainingHistory:
        """Train the network, and leave it with its best weights.

        Raises:
            SpecError: The checkpoint cannot be resumed.
            LmbenchError: The checkpoint cannot be written.
        """
        plan, objective = self._plan, self._objective
        if not self._resume():
            self._evaluate()
        started = time.monotonic() - self._seconds
        stream = batches(objective.draw_epoch, plan.batch_tokens, plan.seed, objective.mixed)
        for batch in islice(stream, self._steps, None):
            if self._share == 1 or not self.history.has_improved_within(plan.patience):
                break
            self._take_step(batch)
            self._seconds = time.monotonic() - started  # read once a step, so that training ends with an evaluation
            progress(self._status(), self._share)
            if plan.schedule.is_evaluation_due(self._steps, self._seconds, self._points[-1]):
                self._evaluate()
        self._network.load_state_dict(self._best)
        return self.history

    @property
    def history(self) -> TrainingHistory:
        """The evaluations so far."""
        return TrainingHistory(identity=self._plan.identity, points=tuple(self._points), ended_by=self._ended_by)

    @property
    def _share(self) -> float:
        return self._plan.schedule.share(self._steps, self._seconds)

    def _take_step(self, batch: list[Example]) -> None:
        rate = self._plan.schedule.rate(self._share)
        self._losses.append(self._optimizer.step(batch, self._steps, rate))
        self._steps += 1
        self._events += sum(example.scored for example in batch)

    def _status(self) -> str:
        best, speed = self.history.best.bits_per_byte, self._events / self._seconds
        loss = self._losses[-1]
        return f"step {self._steps:,}, loss {loss:.3f}, valid {best:.3f} bits per byte, {speed:,.0f} tokens/s"

    def _evaluate(self) -> None:
        """Add a point to the learning curve, and write a checkpoint."""
        self._points.append(
            CurvePoint(
                seconds=self._seconds,
                steps=self._steps,
                events=self._events,
                loss=float(np.mean(self._losses)) if self._losses else None,
                bits_per_byte=self._objective.evaluate(),
            )
        )
        self._losses = []
        if self._plan.schedule.is_out_of_time(self._seconds):
            # a longer training would not evaluate here, so the checkpoint from which it resumes ignores the result
            self._ended_by = self._plan.schedule.budget
            self._write_checkpoint()
            self._keep_if_best()
        else:
            self._keep_if_best()
            self._write_checkpoint()

    def _keep_if_best(self) -> None:
        """Keep the network's weights if the last evaluation is the best."""
        if self.history.is_still_improving:
            self._best = deepcopy(self._network.state_dict())

    def _write_checkpoint(self) -> None:
        if self._plan.folder:
            weights, optimizer = self._network.state_dict(), self._optimizer.state
            Checkpoint(self.history, weights, self._best, optimizer).write(self._plan.folder)

    def _resume(self) -> bool:
        """Continue from the checkpoint; return whether there is one."""
        folder = self._plan.folder
        if folder is None or (checkpoint := read_checkpoint(folder, self._network.device)) is None:
            return False
        self._check_resumable(checkpoint, checkpoint_path(folder))
        self._network.load_state_dict(checkpoint.weights)
        self._optimizer.restore(checkpoint.optimizer)
        self._best = checkpoint.best
        self._resume_history(checkpoint.history)
        return True

    def _resume_history(self, history: TrainingHistory) -> None:
        last = history.points[-1]
        self._points = list(history.points)
        self._steps, self._events, self._seconds = last.steps, last.events, last.seconds
        if history.ended_by is None:
            return
        if self._share == 1:
            self._ended_by = history.ended_by
            self._keep_if_best()
        else:  # there is more time now: without the budget, the last evaluation would not have happened
            del self._points[-1]
            self._losses = [last.loss or 0.0] * (last.steps - self._points[-1].steps)

    def _check_resumable(self, checkpoint: Checkpoint, path: Path) -> None:
        history, budget = checkpoint.history, self._plan.schedule.budget
        if history.identity != self._plan.identity:
            raise SpecError(f"{path} is from a training with other options or another text; use another folder")
        weights, last = self._network.state_dict(), history.points[-1]
        template = Checkpoint(history, weights, weights, self._optimizer.state_template if last.steps else {})
        if name := checkpoint.difference(template):
            raise SpecError(f"checkpoint {path} does not fit this network: '{name}' differs; delete it to start over")
        if budget and (history.ended_by or last.seconds) > budget:
            spent = f"{last.seconds:.0f} s of this training"
            raise SpecError(f"{path} holds {spent}, more than a budget of {budget:g} s; use a larger one")
