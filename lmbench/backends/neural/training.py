"""How a network is trained: batches, steps, the best weights by validation, and going on where a kill left off.

Shapes in comments: B windows, T positions, S scored positions, C width, V ids, K candidates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from lmbench.backends.neural.networks import Network
from lmbench.backends.neural.windows import Ids
from lmbench.errors import LmbenchError, SpecError, reason
from lmbench.progress import Progress

_IGNORED = -100  # cross_entropy's target for padding
_WARM_UP = 0.05  # share of the training
_EVALUATIONS = 50  # in a whole training
_STEPS_BETWEEN = 20  # evaluations, at least
_FILE = "training.safetensors"


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    budget        seconds after which training ends, in any case; None: only steps count
    steps         optimizer steps after which it ends; 0: only time counts
    patience      evaluations without improvement after which it ends
    rate          the highest learning rate
    batch_tokens  events of one optimizer step
    negatives     ids, beside the batch's own, that a step normalizes over; 0: over all ids
    precision     of matrix products in training: float32, or bfloat16 (weights stay float32)
    seed          of batches, dropout and negatives
    folder        where training is kept, to go on after a kill; None: nowhere
    identity      what a training that is gone on with must have been begun with
    """

    budget: float | None
    steps: int
    patience: int
    rate: float
    batch_tokens: int
    negatives: int
    precision: torch.dtype
    seed: int
    folder: Path | None
    identity: str


@dataclass(frozen=True, slots=True)
class Example:
    """Ids of a sequence that follow each other, (T + 1,), of which the last `scored` are to be predicted."""

    ids: Ids
    scored: int


class Point(BaseModel):
    """One evaluation.

    seconds        of training so far; steps and events likewise
    loss           nats an event in training, since the evaluation before; None for the first
    bits_per_byte  of the validation text
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    seconds: float
    steps: int
    events: int
    loss: float | None
    bits_per_byte: float


class History(BaseModel):
    """What a training went through.

    identity  what it was begun with
    ended_by  the budget, in seconds, that ended it; None while it goes on, and where something else ended it
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    identity: str
    points: tuple[Point, ...] = Field(min_length=1)
    ended_by: float | None = None

    @property
    def best(self) -> Point:
        """The first of the best evaluations."""
        return min(self.points, key=lambda point: point.bits_per_byte)

    def patient(self, patience: int) -> bool:
        """Whether one of the last `patience` evaluations was the best."""
        return len(self.points) - 1 - self.points.index(self.best) < patience


Epoch = Callable[[np.random.Generator], list[Example]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned: the examples of an epoch, drawn anew for each; how often each id is predicted in one, (V,); and
    what to judge by, validation bits per byte."""

    epoch: Epoch
    counts: NDArray[np.int64]
    evaluate: Callable[[], float]


class Training:
    """A network on its way from its first weights to its best."""

    def __init__(self, network: Network, task: Task, plan: Plan) -> None:
        self._network, self._task, self._plan = network, task, plan
        self._optimizer = _optimizer(network)
        self._negatives = Negatives(task.counts, plan.negatives) if plan.negatives else None
        self._device = next(network.parameters()).device
        self._best: dict[str, Tensor] = {}
        self._points: list[Point] = []
        self._ended_by: float | None = None

    def run(self, progress: Progress) -> History:
        """Train, and leave the network with its best weights.

        Raises SpecError for a folder whose training cannot be gone on with, LmbenchError where none can be written.
        """
        plan = self._plan
        at = (self._go_on(plan.folder) if plan.folder else None) or self._evaluate(0, 0, 0.0, None)
        started, steps, events = time.monotonic() - at.seconds, at.steps, at.events
        losses = [at.loss or 0.0] * (steps - self._points[-1].steps)  # some where a budget ended it between evaluations
        share = self._share(steps, at.seconds)
        for batch in islice(_batches(self._task.epoch, plan), steps, None):
            if share == 1 or not self.history.patient(plan.patience):
                break
            losses.append(self._step(batch, steps, _rate(share, plan.rate)))
            steps, events = steps + 1, events + sum(example.scored for example in batch)
            seconds = time.monotonic() - started
            share = self._share(steps, seconds)  # once a step: a training ends with an evaluation
            progress(self._told(steps, losses[-1], events / seconds), share)
            if share == 1 or self._due(steps, share):
                self._evaluate(steps, events, seconds, float(np.mean(losses)))
                losses = []
        self._network.load_state_dict(self._best)
        return self.history

    @property
    def history(self) -> History:
        return History(identity=self._plan.identity, points=tuple(self._points), ended_by=self._ended_by)

    def _share(self, steps: int, seconds: float) -> float:
        """How much of the training is done: by steps where their number is given, and by time in any case."""
        by_time = seconds / self._plan.budget if self._plan.budget else 0.0
        by_steps = steps / self._plan.steps if self._plan.steps else by_time
        return 1.0 if max(by_steps, by_time) >= 1 else by_steps

    def _due(self, steps: int, share: float) -> bool:
        last = self._points[-1]
        since = share - self._share(last.steps, last.seconds)
        return since >= 1 / _EVALUATIONS and steps - last.steps >= _STEPS_BETWEEN

    def _told(self, steps: int, loss: float, speed: float) -> str:
        best = self.history.best.bits_per_byte
        return f"step {steps:,}, loss {loss:.3f}, valid {best:.3f} bits per byte, {speed:,.0f} tokens/s"

    def _evaluate(self, steps: int, events: int, seconds: float, loss: float | None) -> Point:
        bits = self._task.evaluate()
        self._points.append(Point(seconds=seconds, steps=steps, events=events, loss=loss, bits_per_byte=bits))
        if self._plan.budget and seconds >= self._plan.budget:
            self._ended_by = self._plan.budget
        if self._ended_by is None:
            self._keep_best()
        if self._plan.folder:
            self._keep(self._plan.folder)
        if self._ended_by is not None:  # an evaluation that a training with more time would not have had
            self._keep_best()
        return self._points[-1]

    def _keep_best(self) -> None:
        """Remember the network's weights where the last evaluation was the best."""
        if self.history.best is self._points[-1]:
            self._best = deepcopy(self._network.state_dict())

    def _step(self, batch: Sequence[Example], number: int, rate: float) -> float:
        """One optimizer step; the mean loss of an event, nats. Its draws depend on its number alone."""
        torch.manual_seed(int(np.random.SeedSequence([self._plan.seed, number]).generate_state(1, np.uint64)[0]))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        inputs, targets = (torch.from_numpy(ids).to(self._device) for ids in padded(batch))
        with torch.autocast(self._device.type, self._plan.precision, enabled=self._plan.precision != torch.float32):
            loss = self._loss(inputs, targets)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        return loss.item()

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        network = self._network.train()
        if self._negatives:
            states = network.states(inputs, targets.shape[1])  # (B, S, C)
            return self._negatives.loss(states, network.tokens.weight, targets)
        logits = network(inputs, targets.shape[1])  # (B, S, V)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=_IGNORED)

    def _keep(self, folder: Path) -> None:
        """Write all that the next step depends on, whole or not at all. Raises LmbenchError where that cannot be."""
        tensors = {f"now.{name}": weight for name, weight in self._network.state_dict().items()}
        tensors |= {f"best.{name}": weight for name, weight in self._best.items()}
        for number, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
        tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        path, partial = folder / _FILE, folder / f"{_FILE}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, partial, {"history": self.history.model_dump_json()})
            partial.replace(path)
        except (OSError, SafetensorError) as error:
            kept = ", and is as it was before" if path.is_file() else ""
            raise LmbenchError(f"{path} cannot be written{kept}: {reason(error)}") from error
        finally:
            if folder.is_dir():
                partial.unlink(missing_ok=True)

    def _go_on(self, folder: Path) -> Point | None:
        """Be where a kept training was; None where there is none."""
        path = folder / _FILE
        if not path.exists():
            return None
        history, tensors = self._kept(path)
        last, budget = history.points[-1], self._plan.budget
        if budget and (history.ended_by or last.seconds) > budget:
            raise SpecError(f"{path} holds {last.seconds:.0f} s of this training; a budget of {budget:g} s is less")
        self._network.load_state_dict(_below("now.", tensors))
        self._best = _below("best.", tensors)
        numbers = {name.split(".")[0] for name in _below("adam.", tensors)}
        adam = {int(number): _below(f"adam.{number}.", tensors) for number in numbers}
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": adam})
        self._points = list(history.points)
        if history.ended_by is not None and self._share(last.steps, last.seconds) == 1:
            self._ended_by = history.ended_by
            self._keep_best()
        elif history.ended_by is not None:  # there is more time now
            del self._points[-1]
        return last

    def _kept(self, path: Path) -> tuple[History, dict[str, Tensor]]:
        """A kept training of the same identity and of weights that fit. Raises SpecError."""
        try:
            with safe_open(path, "pt", device=str(self._device)) as file:
                history = History.model_validate_json((file.metadata() or {}).get("history", ""))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        except (OSError, SafetensorError, ValidationError) as error:
            raise SpecError(f"{path} holds no training that can be gone on with: {reason(error)}; remove it") from error
        if history.identity != self._plan.identity:
            raise SpecError(f"{path} holds a training with other options or of another text; name another folder")
        wrong = self._tensors(history) ^ {(name, tensor.shape) for name, tensor in tensors.items()}
        if wrong:
            name = min(wrong)[0]
            raise SpecError(f"{path} holds no training that can be gone on with: '{name}' is none of this network's")
        return history, tensors

    def _tensors(self, history: History) -> set[tuple[str, torch.Size]]:
        """Names and shapes of what is kept of such a training."""
        shapes = {name: weight.shape for name, weight in self._network.state_dict().items()}
        tensors = {(f"{copy}.{name}", shape) for copy in ("now", "best") for name, shape in shapes.items()}
        if history.points[-1].steps:
            parameters = [weight for group in self._optimizer.param_groups for weight in group["params"]]
            for number, weight in enumerate(parameters):
                states = {"exp_avg": weight.shape, "exp_avg_sq": weight.shape, "step": torch.Size()}
                tensors |= {(f"adam.{number}.{name}", shape) for name, shape in states.items()}
        return tensors


class Negatives:
    """A softmax over a sample: a step's own targets, and ids drawn by the square root of their counts.

    Where an id is among the candidates with probability r, exp(logit) / r estimates its part of the sum over all ids
    without bias (Horvitz and Thompson 1952); a target's own part is there for certain. Only training estimates: scores
    are normalized over all ids.
    """

    def __init__(self, counts: NDArray[np.int64], number: int) -> None:
        shares = torch.from_numpy((counts + 1) / (counts + 1).sum())
        self._draws, self._number = shares.sqrt() / shares.sqrt().sum(), number  # (V,)
        self._log_absent = torch.log1p(-shares)  # (V,), from one target
        self._log_undrawn = number * torch.log1p(-self._draws)  # (V,)

    def loss(self, states: Tensor, output: Tensor, targets: Tensor) -> Tensor:
        """Mean nats of the targets (B, S) after states (B, S, C); output (V, C)."""
        real = targets.flatten() != _IGNORED
        wanted = targets.flatten()[real]  # (N,)
        drawn = torch.multinomial(self._draws, self._number, replacement=True).to(targets.device)
        candidates, places = torch.unique(torch.cat([wanted, drawn]), return_inverse=True)  # (K,)
        logits = (states.flatten(0, 1)[real] @ output[candidates].T).float()  # (N, K)
        own = places[: len(wanted), None]  # (N, 1), each target's place among the candidates
        corrected = logits - self._log_inclusion(candidates, len(wanted) - 1)
        corrected = corrected.scatter(1, own, logits.gather(1, own))
        return F.cross_entropy(corrected, own[:, 0])

    def _log_inclusion(self, ids: Tensor, targets: int) -> Tensor:
        """Nats (K,): log P(an id is drawn, or is one of so many targets beside an event's own)."""
        places = ids.cpu()
        missed = self._log_undrawn[places] + targets * self._log_absent[places]
        return torch.log(-torch.expm1(missed)).float().to(ids.device)


def padded(batch: Sequence[Example]) -> tuple[Ids, Ids]:
    """Inputs (B, T) and targets (B, S), padding at their ends: the causal mask hides it from what comes before."""
    before = len(batch[0].ids) - 1 - batch[0].scored  # ids that are read and not followed by a target, in each example
    scored = max(example.scored for example in batch)
    inputs = np.zeros((len(batch), before + scored), dtype=np.int64)
    targets = np.full((len(batch), scored), _IGNORED, dtype=np.int64)
    for row, example in enumerate(batch):
        inputs[row, : len(example.ids) - 1] = example.ids[:-1]
        targets[row, : example.scored] = example.ids[-example.scored :]
    return inputs, targets


def _batches(epoch: Epoch, plan: Plan) -> Iterator[list[Example]]:
    """Endless batches, epoch after epoch; examples of like length go together."""
    generator = np.random.default_rng(plan.seed)
    while True:
        examples = epoch(generator)
        scored = np.array([example.scored for example in examples])
        before = np.array([len(example.ids) for example in examples]) - scored
        order = np.lexsort((generator.random(len(examples)), scored, before))
        batches = list(_filled((examples[i] for i in order), plan.batch_tokens))
        for number in generator.permutation(len(batches)):
            yield batches[number]


def _filled(examples: Iterable[Example], tokens: int) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in examples:
        alike = not batch or len(example.ids) - example.scored == len(batch[0].ids) - batch[0].scored
        if batch and not (alike and (len(batch) + 1) * example.scored <= tokens):
            yield batch
            batch = []
        batch.append(example)
    yield batch


def _optimizer(network: Network) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) that decays matrices only; each step sets its learning rate."""
    matrices = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)


def _rate(share: float, peak: float) -> float:
    """The learning rate when this share of the training is done: a linear warm-up, then a cosine to a tenth."""
    if share < _WARM_UP:
        return peak * max(share, 1e-3) / _WARM_UP
    return peak * (0.55 + 0.45 * math.cos(math.pi * (share - _WARM_UP) / (1 - _WARM_UP)))


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
