"""The optimizer steps of a training.

Shapes in comments: B windows, S scored positions, C width, V ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmbench.backends.neural.transformer.batches import Example, pad_examples
from lmbench.backends.neural.transformer.muon import Muon
from lmbench.backends.neural.transformer.networks import PADDING, Network
from lmbench.backends.neural.transformer.row_adamw import RowAdamW
from lmbench.backends.neural.transformer.sampled_softmax import SampledSoftmax

_WEIGHT_DECAY = 0.1  # of AdamW's matrices; vectors do not decay


def make_adamw(parameters: Iterable[nn.Parameter]) -> torch.optim.AdamW:
    """Return an AdamW (Loshchilov and Hutter 2019) under which only matrices decay. Its matrices come first."""
    known = list(parameters)
    groups = [
        {"params": [p for p in known if p.dim() > 1], "weight_decay": _WEIGHT_DECAY},
        {"params": [p for p in known if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)


class Optimizer:
    """Muon for the matrices in a network's blocks and AdamW for the rest, or AdamW for all; only matrices decay.

    With a sampled softmax, a step moves only the token embeddings of its sample.

    Args:
        network: The network to train.
        kind: ``muon`` or ``adamw``.
        softmax: Normalizes the predictions of a step; None: a softmax over all ids.
        precision: The type of matrix products; weights stay float32.
        seed: The seed of dropout and of the sampled softmax.
    """

    def __init__(
        self, network: Network, kind: str, softmax: SampledSoftmax | None, precision: torch.dtype, seed: int
    ) -> None:
        self._network, self._softmax, self._precision, self._seed = network, softmax, precision, seed
        self._matrices = network.block_matrices if kind == "muon" else []
        self._muon = Muon(self._matrices, precision)
        self._table = RowAdamW(network.tokens.weight, _WEIGHT_DECAY)
        self._parameters = self._list_adamw_parameters()
        self._adamw = make_adamw(self._parameters)

    def step(self, batch: Sequence[Example], number: int, rate: float) -> float:
        """Take one optimizer step.

        Args:
            batch: The examples to learn from.
            number: Number of the step. The random draws of the step depend on this and on the seed alone.
            rate: The learning rate.

        Returns:
            The mean loss of an event, in nats.
        """
        torch.manual_seed(int(np.random.SeedSequence([self._seed, number]).generate_state(1, np.uint64)[0]))
        for group in self._adamw.param_groups:
            group["lr"] = rate
        inputs, targets = (torch.from_numpy(ids).to(self._network.device) for ids in pad_examples(batch))
        with torch.autocast(self._network.device.type, self._precision, enabled=self._precision != torch.float32):
            loss = self._loss(inputs, targets)
        self._network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*self._network.parameters(), *self._table.taken_rows], 1.0)
        self._adamw.step()
        self._muon.step(rate)
        self._table.step(rate)
        return loss.item()

    @property
    def state(self) -> dict[str, Tensor]:
        """The state of both parts; none before a step.

        It has ``adamw.{number}.exp_avg``, ``.exp_avg_sq`` and ``.step`` of each parameter that AdamW trains,
        ``muon.{number}`` of each that Muon does, and ``rows.*`` of token embeddings that are trained by rows.
        """
        states = self._adamw.state_dict()["state"].items()
        adamw = {f"adamw.{number}.{name}": value for number, state in states for name, value in state.items()}
        return adamw | self._muon.state | self._table.state

    @property
    def state_template(self) -> dict[str, Tensor]:
        """Tensors without data that have the names and shapes of the state after a step."""
        template: dict[str, Tensor] = {}
        for number, weight in enumerate(self._parameters):
            shapes = {"exp_avg": weight.shape, "exp_avg_sq": weight.shape, "step": torch.Size()}
            template |= {f"adamw.{number}.{name}": torch.empty(shape, device="meta") for name, shape in shapes.items()}
        table = self._table.state_template if self._softmax else {}
        return template | self._muon.state_template | table

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a state that another optimizer of the same network had."""
        by_number: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            part, number, *name = key.split(".")
            if part == "adamw":
                by_number.setdefault(int(number), {})[name[0]] = value
        self._muon.restore(state)
        self._table.restore(state)
        self._adamw.load_state_dict(self._adamw.state_dict() | {"state": by_number})

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        network = self._network.train()
        if self._softmax:
            sample = self._softmax.draw(inputs, targets)
            return sample.loss(network, self._table.take(sample.ids), inputs, targets)
        logits = network(inputs, targets.shape[1])  # (B, S, V)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=PADDING)

    def _list_adamw_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that neither Muon nor the table's optimizer trains, matrices first."""
        others = {id(matrix.weight) for matrix in self._matrices}
        if self._softmax:
            others.add(id(self._network.tokens.weight))
        parameters = [parameter for parameter in self._network.parameters() if id(parameter) not in others]
        return sorted(parameters, key=lambda parameter: parameter.dim() == 1)
