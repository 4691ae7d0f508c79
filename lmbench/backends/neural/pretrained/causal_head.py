"""How a causal model of transformers turns its last states into log-probabilities of targets.

Shapes in comments: B windows, T positions, N targets, C width of the states, V rows of the model's output.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional as F
from transformers.utils.generic import ModelOutput

from lmbench.backends.neural.pretrained.hub_model import positions

_PROBE_TOKENS = 8
_REMEMBERED = 64  # forward passes
_LARGE = 30  # some models bound or scale their logits (Gemma 2), which small states may not show


@dataclass(frozen=True, slots=True)
class Head(ABC):
    """The part of a model that follows its trunk.

    Attributes:
        columns: The number of logits that it computes at once for one target.
    """

    columns: int

    @abstractmethod
    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Return all logits, (N, V), after last states (N, C)."""

    @abstractmethod
    def logprobs(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities (N,) of targets (N,) after last states (N, C), in nats."""


@dataclass(frozen=True, slots=True)
class ProductHead(Head):
    """A head whose logits are the product of the states and a matrix. It computes some columns at a time."""

    matrix: torch.nn.Linear

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return self.matrix(states.to(self.matrix.weight.dtype)).float()  # type: ignore[no-any-return]

    def logprobs(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        weight, bias = self.matrix.weight, self.matrix.bias
        states = states.to(weight.dtype)  # some trunks always return float32
        sums, own = [], torch.zeros(len(targets), device=states.device)
        for first in range(0, weight.shape[0], self.columns):
            last = first + self.columns
            logits = F.linear(states, weight[first:last], None if bias is None else bias[first:last]).float()
            here = torch.nonzero((targets >= first) & (targets < last))[:, 0]
            own[here] = logits[here, targets[here] - first]
            sums.append(_log_sum_exp(logits))
        return own - torch.stack(sums).logsumexp(0)


@dataclass(frozen=True, slots=True)
class ModelHead(Head):
    """The model's own head, whatever it computes: the model runs on a trunk that returns the given states.

    Attributes:
        model: The transformers model.
        trunk_output: An output of its trunk; given states are put into a copy of it.
    """

    model: Any
    trunk_output: ModelOutput

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        ids = torch.zeros((1, len(states)), dtype=torch.long, device=states.device)
        output = copy.copy(self.trunk_output)
        output["last_hidden_state"] = states[None]
        with _returning(self.model.base_model, output):
            return run_uncached(self.model, ids).logits[0].float()  # type: ignore[no-any-return]

    def logprobs(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return -F.cross_entropy(self.logits(states), targets, reduction="none")


@torch.inference_mode()
def find_head(model: Any, rows: int, columns: int) -> Head | None:
    """Return the least expensive head that reproduces the model's logits for a few tokens.

    Args:
        model: The transformers model.
        rows: V, the number of logits after each token.
        columns: The number of logits to compute at once for one target, if they can be computed in parts.

    Returns:
        The head; None if the model does not show the states from which it computes its logits.
    """
    ids = torch.arange(min(_PROBE_TOKENS, positions(model) or _PROBE_TOKENS), device=model.device)[None] % rows
    output = _run_trunk(model, ids)
    if output is None:
        return None
    states, logits = output.last_hidden_state[0], model(ids).logits[0].float()  # (T, C), (T, V)
    own = ModelHead(rows, model, output)
    own_agrees = _alike(own.logits(states), logits)
    product = _product_head(model, columns, states)
    if product and _alike(product.logits(states), logits):
        large = _LARGE * states.to(product.matrix.weight.dtype)
        if not own_agrees or _alike(product.logits(large), own.logits(large)):
            return product
    return own if own_agrees else None


def run_uncached(module: Any, ids: torch.Tensor, **options: int) -> Any:
    """Run a model or its trunk on ids (B, T), without keeping the keys and values of attention."""
    caching = {"use_cache": False} if accepts(module, "use_cache") else {}
    return module(ids, **options, **caching)


def accepts(module: Any, parameter: str) -> bool:
    """Return whether a module's forward pass takes this parameter."""
    return parameter in _list_parameters(getattr(module.forward, "__func__", module.forward))


@lru_cache(_REMEMBERED)
def _list_parameters(forward: Callable[..., Any]) -> frozenset[str]:
    """Return the parameters of a forward pass. A model asks for them at every token, and they take a millisecond."""
    return frozenset(inspect.signature(forward).parameters)


def _run_trunk(model: Any, ids: torch.Tensor) -> Any:
    """Return the trunk's output; None if it does not include last states, or if the model is its own trunk."""
    if model.base_model is model:
        return None
    output = run_uncached(model.base_model, ids)
    return output if isinstance(output, ModelOutput) and "last_hidden_state" in output else None


def _product_head(model: Any, columns: int, states: torch.Tensor) -> ProductHead | None:
    matrix = model.get_output_embeddings()
    fits = isinstance(matrix, torch.nn.Linear) and states.shape[-1] == matrix.in_features
    return ProductHead(columns, matrix) if fits else None


def _log_sum_exp(logits: torch.Tensor) -> torch.Tensor:
    """Return torch.logsumexp over the last axis, (N,), computed in the logits' own memory, which is overwritten."""
    largest = logits.amax(-1, keepdim=True)
    return logits.sub_(largest.clamp_min(torch.finfo(logits.dtype).min)).exp_().sum(-1).log_().add_(largest[:, 0])


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one, other, atol=1e-5, rtol=1e-4))


@contextmanager
def _returning(trunk: Any, output: ModelOutput) -> Iterator[None]:
    """Make a trunk return `output` and compute nothing."""
    trunk.forward = lambda *_, **__: output  # an attribute of this object hides its class's method
    try:
        yield
    finally:
        del trunk.forward
