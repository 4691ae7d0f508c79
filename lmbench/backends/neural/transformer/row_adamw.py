"""AdamW for the rows of a large table, of which a training step uses few."""

from __future__ import annotations

import torch
from torch import Tensor

_BETAS, _EPSILON = (0.9, 0.95), 1e-8


class RowAdamW:
    """AdamW (Loshchilov and Hutter 2019) that moves only the rows that a step has taken.

    The averages of the other rows stay as they are, as in torch.optim.SparseAdam. With all rows taken, it is AdamW.

    Args:
        table: (V, C) the weights.
        weight_decay: The share by which a step shrinks the rows that it takes, times the learning rate.
    """

    def __init__(self, table: Tensor, weight_decay: float) -> None:
        self._table, self._weight_decay = table.detach(), weight_decay
        self._averages: tuple[Tensor, Tensor] | None = None  # of gradients and of their squares, (V, C)
        self._steps = 0
        self._taken: tuple[Tensor, Tensor] | None = None  # ids (K,) and rows (K, C), since the last step

    def take(self, ids: Tensor) -> Tensor:
        """Return the rows (K, C) of distinct ids (K,) that the next step will move."""
        self._taken = ids, self._table[ids].requires_grad_()
        return self._taken[1]

    @property
    def taken_rows(self) -> list[Tensor]:
        """The rows that were taken for the next step, if any were."""
        return [] if self._taken is None else [self._taken[1]]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the rows that were taken along their gradient. Without any, do nothing."""
        if self._taken is None:
            return
        ids, rows = self._taken
        if rows.grad is None:
            raise ValueError("the rows need a gradient")
        self._averages = self._averages or (torch.zeros_like(self._table), torch.zeros_like(self._table))
        self._steps += 1
        mean, square = (average[ids] for average in self._averages)
        mean.lerp_(rows.grad, 1 - _BETAS[0])
        square.mul_(_BETAS[1]).addcmul_(rows.grad, rows.grad, value=1 - _BETAS[1])
        for average, new in zip(self._averages, (mean, square), strict=True):
            average[ids] = new
        mean_share, square_share = (1 - beta**self._steps for beta in _BETAS)
        update = (mean / mean_share) / ((square / square_share).sqrt() + _EPSILON)
        self._table[ids] = rows * (1 - rate * self._weight_decay) - rate * update
        self._taken = None

    @property
    def state(self) -> dict[str, Tensor]:
        """``rows.exp_avg``, ``rows.exp_avg_sq`` and ``rows.step``; empty before a step."""
        if self._averages is None:
            return {}
        mean, square = self._averages
        return {"rows.exp_avg": mean, "rows.exp_avg_sq": square, "rows.step": torch.tensor(float(self._steps))}

    @property
    def state_template(self) -> dict[str, Tensor]:
        """Tensors without data that have the names and shapes of the state after a step."""
        shapes = {"exp_avg": self._table.shape, "exp_avg_sq": self._table.shape, "step": torch.Size()}
        return {f"rows.{name}": torch.empty(shape, device="meta") for name, shape in shapes.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a state that another optimizer of the same table had."""
        if "rows.step" in state:
            self._averages = state["rows.exp_avg"], state["rows.exp_avg_sq"]
            self._steps = int(state["rows.step"])
