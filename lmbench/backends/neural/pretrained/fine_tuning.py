"""Fine-tuning: a pretrained causal network is trained further, with all its weights, on a corpus.

Shapes in comments: B windows, T positions, V rows of the model's output.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from lmbench.arrays import Ints
from lmbench.backends.neural.device import seed_torch
from lmbench.backends.neural.pretrained.causal_head import run_uncached
from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
from lmbench.backends.neural.pretrained.hub_model import first_line
from lmbench.backends.neural.transformer.batches import Example, batches
from lmbench.backends.neural.transformer.networks import PADDING
from lmbench.backends.neural.transformer.optimizer import make_adamw
from lmbench.backends.neural.transformer.schedule import Schedule
from lmbench.backends.neural.transformer.training_history import CurvePoint, TrainingHistory
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError, LmbenchError
from lmbench.machine_memory import usable_memory
from lmbench.progress import Progress

STEP_TOKENS = 512
"""Tokens of one optimizer step, at most, and of the longest window that is trained on."""

VALIDATION_BYTES = 8192
"""Bytes of the validation split that an evaluation scores, at most."""

PATIENCE = 3
"""Evaluations without improvement after which training stops."""

_EVALUATIONS, _STEPS_BETWEEN = 10, 5
_BYTES_PER_TOKEN = 8  # of long tokens; English has 4 to 5 in usual vocabularies
_BYTES_PER_WEIGHT = 20  # the weight, its gradient, AdamW's two moments, and the best weight so far


@dataclass(frozen=True, slots=True)
class FineTuningPlan:
    """How to train.

    Attributes:
        steps: The optimizer steps, at most.
        learning_rate: The highest learning rate.
        seed: The seed of the batches and of dropout.
    """

    steps: int
    learning_rate: float
    seed: int

    def is_evaluation_due(self, steps: int, last: int) -> bool:
        """Return whether to evaluate after this many steps, given those at the last evaluation."""
        return steps == self.steps or steps - last >= max(_STEPS_BETWEEN, self.steps / _EVALUATIONS)


def fine_tune(scorer: CausalScorer, data: TrainingText, plan: FineTuningPlan, progress: Progress) -> TrainingHistory:
    """Train the network of a scorer, and leave it with the weights that are best on the validation split.

    These are the pretrained ones if no evaluation was better. Windows are cut from documents as they are scored.

    Raises:
        CorpusError: A split is empty, or there is nothing to predict.
        ScoreError: The tokenizer changes the text.
        LmbenchError: Memory does not suffice, or training diverges.
    """
    model = scorer.network.model
    for name, split in (("training", data.train), ("validation", data.valid)):
        if not split.size:
            raise CorpusError(f"the {name} split is empty, and finetune= needs it")
    _check_memory(model)
    try:
        with seed_torch(model.device, plan.seed):
            return FineTuning(scorer, data, plan).run(progress)
    except RuntimeError as error:
        raise LmbenchError(f"the weights cannot be trained: {first_line(error)}") from error
    finally:
        model.eval().zero_grad()


class FineTuning:
    """The training of one network, by AdamW."""

    def __init__(self, scorer: CausalScorer, data: TrainingText, plan: FineTuningPlan) -> None:
        self._scorer, self._plan = scorer, plan
        self._model = scorer.network.model
        self._schedule = Schedule(plan.steps, None, plan.learning_rate)
        self._optimizer = make_adamw(self._model.parameters())
        self._valid = list(_first_bytes(data.valid.documents, VALIDATION_BYTES))
        self._sequences = self._encode_sample(data.train.documents)
        self._best: dict[str, Tensor] = {}
        self._points: list[CurvePoint] = []
        self._losses: list[float] = []  # since the last evaluation
        self._steps, self._events = 0, 0

    def run(self, progress: Progress) -> TrainingHistory:
        """Train the network, and leave it with its best weights."""
        progress("evaluating the pretrained model", 0.0)
        self._evaluate()
        for batch in islice(batches(self._draw_epoch, STEP_TOKENS, self._plan.seed), self._plan.steps):
            self._take_step(batch)
            progress(self._status(), self._steps / self._plan.steps)
            if self._plan.is_evaluation_due(self._steps, self._points[-1].steps):
                self._evaluate()
            if not self._history.has_improved_within(PATIENCE):
                break
        self._model.load_state_dict(self._best, strict=False)  # tied weights are in it once
        return self._history

    @property
    def _history(self) -> TrainingHistory:
        return TrainingHistory(identity="", points=tuple(self._points))

    def _encode_sample(self, documents: Sequence[str]) -> list[Ints]:
        """Return the ids of no more documents, in random order, than the steps need."""
        order = np.random.default_rng(self._plan.seed).permutation(len(documents))
        needed = self._plan.steps * STEP_TOKENS * _BYTES_PER_TOKEN
        sample = _first_bytes((documents[i] for i in order), needed)
        sequences = (self._scorer.sequence(self._scorer.tokenizer.encode(document)) for document in sample)
        found = [sequence for sequence in sequences if len(sequence) > 1]
        if not found:
            raise CorpusError(
                "the training documents have one token each, and no BOS precedes it: nothing is predicted"
            )
        return found

    def _draw_epoch(self, generator: np.random.Generator) -> list[Example]:
        length = min(self._scorer.context, STEP_TOKENS)
        return [example for sequence in self._sequences for example in cut(sequence, length, generator)]

    def _take_step(self, batch: Sequence[Example]) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self._schedule.rate((self._steps + 0.5) / self._plan.steps)
        self._optimizer.zero_grad()
        loss = compute_loss(self._model.train(), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        if not math.isfinite(loss.item() + norm.item()):
            raise LmbenchError(f"training diverges at step {self._steps + 1}; use a lower learning_rate")
        self._optimizer.step()
        self._losses.append(loss.item())
        self._steps += 1
        self._events += sum(example.scored for example in batch)

    def _status(self) -> str:
        best, loss = self._history.best.bits_per_byte, self._losses[-1]
        return f"step {self._steps:,}, loss {loss:.3f}, valid {best:.3f} bits per byte"

    def _evaluate(self) -> None:
        """Add a point to the learning curve, and keep the weights if it is the best."""
        self._model.eval()
        nats = -sum(float(score.logprobs.sum()) for score in self._scorer.score(self._valid))
        size = sum(len(document.encode()) for document in self._valid)
        self._points.append(
            CurvePoint(
                seconds=0.0,
                steps=self._steps,
                events=self._events,
                loss=float(np.mean(self._losses)) if self._losses else None,
                bits_per_byte=nats / (size * math.log(2)),
            )
        )
        self._losses = []
        if self._history.is_still_improving:
            self._best = {name: weight.detach().clone() for name, weight in self._model.named_parameters()}


def compute_loss(model: Any, batch: Sequence[Example]) -> Tensor:
    """Return the mean loss (nats) of an event of a batch, whose windows are padded at their ends."""
    windows = [torch.from_numpy(example.ids) for example in batch]
    ids = pad_sequence(windows, batch_first=True, padding_value=PADDING).to(model.device)  # (B, T + 1)
    logits = run_uncached(model, ids[:, :-1].clamp_min(0)).logits  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), ignore_index=PADDING)


def cut(sequence: Ints, length: int, generator: np.random.Generator) -> Iterator[Example]:
    """Yield windows of at most `length` ids that together predict every id of a sequence but the first, once.

    A longer sequence is cut at new places in each epoch.
    """
    events, most = len(sequence) - 1, max(1, length - 1)
    first = int(generator.integers(1, most + 1)) if events > most else events
    for start, end in pairwise([0, *range(first, events, most), events]):
        yield Example(sequence[start : end + 1], end - start)


def _first_bytes(documents: Iterable[str], size: int) -> Iterator[str]:
    """Yield documents until they have `size` bytes; the last one ends there, or a few bytes earlier."""
    for document in documents:
        if size <= 0:
            return
        data = document.encode()
        yield data[:size].decode(errors="ignore")
        size -= len(data)


def _check_memory(model: Any) -> None:
    """Check that training fits in this machine's memory, apart from activations.

    Raises:
        LmbenchError: It does not.
    """
    if model.device.type != "cpu":
        return
    needed = _BYTES_PER_WEIGHT * sum(parameter.numel() for parameter in model.parameters())
    if needed > (usable := usable_memory()):
        raise LmbenchError(
            f"finetune= takes {needed / 2**30:,.1f} GiB for weights, gradients and the optimizer, but "
            f"{usable / 2**30:,.1f} GiB of memory can be used; use a smaller model"
        )
