"""Muon: momentum whose matrices are orthogonalized, for the matrices inside a network's blocks.

torch.optim.Muon always orthogonalizes in bfloat16, which is slow on a CPU that has to emulate it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_MOMENTUM = 0.95
_WEIGHT_DECAY = 0.1
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic polynomial
_ITERATIONS = 5


class Matrix(NamedTuple):
    """A weight that Muon trains.

    Attributes:
        weight: (parts A, B) the parameter.
        parts: The number of matrices of A rows that are stacked in it; Muon orthogonalizes each by itself.
    """

    weight: Tensor
    parts: int


class Muon:
    """Muon (Jordan et al. 2024) with Nesterov momentum and decoupled weight decay.

    An update is scaled by 0.2 sqrt(max(rows, columns)), so that its mean square is about that of AdamW's updates and
    one learning rate suits both (Liu et al. 2025, "Muon is scalable for LLM training", section 2.2).

    Args:
        matrices: The weights to train.
        precision: The type of the matrix products that orthogonalize an update.
    """

    def __init__(self, matrices: Sequence[Matrix], precision: torch.dtype) -> None:
        self._matrices, self._precision = matrices, precision
        self._momenta: list[Tensor] = []

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update the weights from their gradients."""
        self._momenta = self._momenta or [torch.zeros_like(weight) for weight, _ in self._matrices]
        by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for (weight, parts), momentum in zip(self._matrices, self._momenta, strict=True):
            update = _accumulate(momentum, weight)
            for pair in zip(weight.chunk(parts), update.chunk(parts), strict=True):
                by_shape[pair[0].shape].append(pair)
        for shape, pairs in by_shape.items():  # one product for all matrices of a shape is faster
            updates = orthogonalize(torch.stack([update for _, update in pairs]), self._precision)
            for (part, _), update in zip(pairs, updates, strict=True):
                part.mul_(1 - rate * _WEIGHT_DECAY).add_(update, alpha=-rate * 0.2 * math.sqrt(max(shape)))

    @property
    def state(self) -> dict[str, Tensor]:
        """The momentum of each weight, ``muon.{number}``; none before a step."""
        return {f"muon.{number}": momentum for number, momentum in enumerate(self._momenta)}

    @property
    def state_template(self) -> dict[str, Tensor]:
        """Tensors without data that have the names and shapes of the state after a step."""
        shapes = enumerate(weight.shape for weight, _ in self._matrices)
        return {f"muon.{number}": torch.empty(shape, device="meta") for number, shape in shapes}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a state that another optimizer of the same weights had."""
        self._momenta = [state[name] for name in self.state_template if name in state]


def orthogonalize(matrices: Tensor, precision: torch.dtype) -> Tensor:
    """Return about U V^T for each matrix U S V^T: the nearest matrix whose singular values are all 1.

    Five Newton-Schulz iterations of a quintic polynomial bring all singular values but the smallest to between about
    0.7 and 1.2 (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

    Args:
        matrices: (N, A, B) the matrices.
        precision: The type of the products.

    Returns:
        (N, A, B) in the type of `matrices`.
    """
    a, b, c = _COEFFICIENTS
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if is_tall else matrices).to(precision)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)  # no singular value exceeds 1
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.mT if is_tall else x).to(matrices.dtype)


def _accumulate(momentum: Tensor, weight: Tensor) -> Tensor:
    """Add a weight's gradient to its momentum, and return Nesterov's combination of both."""
    if weight.grad is None:
        raise ValueError("every matrix needs a gradient")
    momentum.lerp_(weight.grad, 1 - _MOMENTUM)
    return weight.grad.lerp(momentum, _MOMENTUM)
