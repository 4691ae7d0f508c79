"""A causal network of Hugging Face's transformers, which computes log-probabilities of targets within a memory budget.

Shapes in comments: B windows, T positions, N targets, C width of the states, V rows of the model's output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch.nn import functional as F
from transformers.activations import FastGELUActivation, NewGELUActivation

from lmbench.arrays import Floats, Ints
from lmbench.backends.neural.pretrained.causal_head import Head, accepts, find_head, run_uncached
from lmbench.backends.neural.pretrained.memory_budget import MemoryBudget
from lmbench.backends.neural.windows import UNSCORED

_CPU_TOKENS = 1024  # larger batches are not faster on a CPU, and take more memory


@dataclass(frozen=True, slots=True)
class CausalNetwork:
    """A transformers model with a causal head, on its device.

    Logits never exist for a whole batch: a head computes them for some targets at a time, and only some columns of
    them if it can. A model without a known head is scored window by window.

    Attributes:
        model: The transformers model.
        rows: V, the number of events that the output tells apart, including those that belong to no token.
        head: Computes log-probabilities from the last states; None if the model does not show them.
        budget: The memory that scoring takes.
    """

    model: Any
    rows: int
    head: Head | None
    budget: MemoryBudget

    @classmethod
    def prepare(cls, model: Any, mebibytes: int) -> Self:
        """Prepare a transformers model for scoring within some MiB of memory. Its GELU activations are replaced."""
        _fuse_gelu(model)
        rows = _last_logits(model, np.zeros((1, 1), dtype=np.int64), 1).shape[-1]
        budget = MemoryBudget(mebibytes)
        return cls(model, rows, find_head(model, rows, budget.columns), budget)

    @property
    def batch_tokens(self) -> int:
        """The number of tokens to score at once. A longer window is a batch of its own."""
        tokens = self.budget.tokens(self.model)
        return min(tokens, _CPU_TOKENS) if self.model.device.type == "cpu" else tokens

    @property
    def window_tokens(self) -> int:
        """The longest window that fits in memory."""
        tokens = self.budget.tokens(self.model)
        return tokens if self.head else min(tokens, self.budget.targets(self.rows))

    @property
    def cached_tokens(self) -> int:
        """The number of tokens whose keys and values fit in memory; at least 1."""
        return self.budget.cached_tokens(self.model)

    def last_logits(self, inputs: Ints, number: int) -> torch.Tensor:
        """Return the logits after the last `number` ids of each window (B, T), as (B, number, V)."""
        return _last_logits(self.model, inputs, number)

    @torch.inference_mode()
    def logits(self, inputs: Ints, first: int) -> Iterator[torch.Tensor]:
        """Yield the logits (V,) after each id of a window (1, T), from position `first` on."""
        if self.head is None:
            yield from self.last_logits(inputs, inputs.shape[1] - first)[0].float()
            return
        ids = torch.from_numpy(inputs).to(self.model.device)
        states = run_uncached(self.model.base_model, ids).last_hidden_state[0, first:]  # (N, C)
        for part in torch.split(states, self.budget.targets(self.rows)):
            yield from self.head.logits(part)

    @torch.inference_mode()
    def advance(self, inputs: Ints, cache: Any) -> tuple[torch.Tensor, Any]:
        """Read ids (1, T) that follow those in the library's cache.

        Returns:
            The logits (V,) after them, and the new cache; None if the model does not keep one.
        """
        if not accepts(self.model, "past_key_values"):
            return self.last_logits(inputs, 1)[0, -1], None
        ids = torch.from_numpy(inputs).to(self.model.device)
        output = self.model(ids, past_key_values=cache, use_cache=True, **_keeping(self.model, 1))
        return output.logits[0, -1], output.past_key_values

    @torch.inference_mode()
    def read(self, inputs: Ints, cache: Any = None) -> tuple[torch.Tensor, Any]:
        """Read ids (B, T) that follow those in the library's cache.

        Returns:
            Their last states (B, T, C), and the new cache.
        """
        ids = torch.from_numpy(inputs).to(self.model.device)
        output = self.model.base_model(ids, past_key_values=cache, use_cache=True)
        return output.last_hidden_state, output.past_key_values

    @torch.inference_mode()
    def logprobs(self, inputs: Ints, targets: Ints) -> Floats:
        """Return the log-probabilities (nats) of the targets (B, T) that are not UNSCORED: (N,), row by row."""
        wanted = torch.from_numpy(targets).to(self.model.device)
        if self.head is None:
            parts = [self._score_window(*pair) for pair in zip(inputs, wanted, strict=True)]
        else:
            parts = self._score_states(self.head, inputs, wanted)
        return torch.cat(parts).double().cpu().numpy()

    def _score_states(self, head: Head, inputs: Ints, targets: torch.Tensor) -> list[torch.Tensor]:
        ids, scored = torch.from_numpy(inputs).to(self.model.device), targets != UNSCORED
        states = run_uncached(self.model.base_model, ids).last_hidden_state[scored]  # (N, C)
        size = self.budget.targets(head.columns)
        parts = zip(torch.split(states, size), torch.split(targets[scored], size), strict=True)
        return [head.logprobs(*part) for part in parts]

    def _score_window(self, window: Ints, targets: torch.Tensor) -> torch.Tensor:
        """Score the targets (T,) of one window, which follow each other, by the model's own logits."""
        scored = torch.nonzero(targets != UNSCORED)[:, 0]
        first, end = int(scored[0]), int(scored[-1]) + 1
        logits = self.last_logits(window[None, :end], end - first)[0]  # (N, V)
        return -F.cross_entropy(logits.float(), targets[first:end], reduction="none")


@torch.inference_mode()
def _last_logits(model: Any, inputs: Ints, number: int) -> torch.Tensor:
    ids = torch.from_numpy(inputs).to(model.device)  # (B, T)
    return run_uncached(model, ids, **_keeping(model, number)).logits[:, -number:]  # type: ignore[no-any-return]


def _keeping(model: Any, number: int) -> dict[str, int]:
    """Return the option by which a model computes logits for the last positions only, if it has one."""
    return {"logits_to_keep": number} if accepts(model, "logits_to_keep") else {}


def _fuse_gelu(model: Any) -> None:
    """Compute GPT-2's GELU, for which transformers takes eight passes over its input, in one pass.

    In half precision it is then rounded once instead of after each pass, which moves an event by about 0.03 nats.
    """
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) in (NewGELUActivation, FastGELUActivation):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))
