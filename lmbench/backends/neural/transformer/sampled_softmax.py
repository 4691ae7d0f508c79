"""A softmax over a sample of the ids, for vocabularies whose output layer would take most of a training step.

Shapes in comments: B windows, T positions, S scored positions, C width, V ids, N targets, K ids in a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.networks import PADDING, Network

_MANY_IDS = 8192  # with more, the output layer would take most of a training step
_NEGATIVES = 2048


def count_negatives(ids: int) -> int:
    """Return how many of the ids a training step draws for its softmax; 0 if it normalizes over all of them."""
    return _NEGATIVES if ids > _MANY_IDS else 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The ids that a training step reads and predicts.

    Attributes:
        ids: (K,) distinct ids, sorted.
        log_inclusion: (K,) nats, the log-probability that an id is among the candidates of the softmax, unless it is
            the target; infinite for ids that are only read.
    """

    ids: Tensor
    log_inclusion: Tensor

    def loss(self, network: Network, rows: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cost of the targets, in nats.

        Args:
            network: The network.
            rows: (K, C) the embeddings of the sample's ids, in the place of the network's own.
            inputs: (B, T) ids to read, or PADDING.
            targets: (B, S) ids to predict, or PADDING.
        """
        is_real = targets != PADDING
        numbers, own = torch.searchsorted(self.ids, inputs), torch.searchsorted(self.ids, targets[is_real])[:, None]
        numbers[inputs == PADDING] = PADDING
        predicted = functional_call(network, {"tokens.weight": rows}, (numbers, targets.shape[1]))  # (B, S, K)
        logits = predicted[is_real].float()  # (N, K)
        corrected = (logits - self.log_inclusion).scatter(1, own, logits.gather(1, own))
        return F.cross_entropy(corrected, own[:, 0])


class SampledSoftmax:
    """A softmax over a step's own targets and over ids drawn in proportion to the square root of their counts.

    If an id is among the candidates with probability r, exp(logit) / r is an unbiased estimate of its part of the sum
    over all ids (Horvitz and Thompson 1952). An event's own target is certain to be among them. Only training
    estimates: scores are normalized over all ids.

    Args:
        counts: (V,) how often each id is predicted in an epoch.
        draws: The number of ids to draw for each step, with replacement.
    """

    def __init__(self, counts: Ints, draws: int) -> None:
        shares = torch.from_numpy((counts + 1) / (counts + 1).sum())
        self._probabilities, self._draws = shares.sqrt() / shares.sqrt().sum(), draws  # (V,)
        self._log_absent = torch.log1p(-shares)  # (V,), from one target
        self._log_undrawn = draws * torch.log1p(-self._probabilities)  # (V,)

    def draw(self, inputs: Tensor, targets: Tensor) -> Sample:
        """Return the ids of a step: its inputs (B, T), its targets (B, S), and those drawn for its softmax."""
        wanted = targets[targets != PADDING]  # (N,)
        drawn = torch.multinomial(self._probabilities, self._draws, replacement=True).to(targets.device)
        candidates = torch.unique(torch.cat([wanted, drawn]))
        ids = torch.unique(torch.cat([inputs[inputs != PADDING], candidates]))  # (K,)
        log_inclusion = torch.full(ids.shape, torch.inf, device=ids.device)
        log_inclusion[torch.searchsorted(ids, candidates)] = self._log_inclusion(candidates, len(wanted) - 1)
        return Sample(ids, log_inclusion)

    def _log_inclusion(self, ids: Tensor, targets: int) -> Tensor:
        """Return log P(an id is drawn, or is one of `targets` other targets), (K,) nats."""
        indices = ids.cpu()
        missed = self._log_undrawn[indices] + targets * self._log_absent[indices]
        return torch.log(-torch.expm1(missed)).float().to(ids.device)
