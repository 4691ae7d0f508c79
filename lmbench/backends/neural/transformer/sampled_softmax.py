"""A softmax over a sample of the ids, for vocabularies whose output layer would take most of a training step.

Shapes in comments: B windows, S scored positions, C width, V ids, N targets, K candidates.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.batches import PADDING


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

    def loss(self, states: Tensor, output: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cost of the targets, in nats.

        Args:
            states: (B, S, C) inputs of the output layer.
            output: (V, C) weights of the output layer.
            targets: (B, S) ids, or PADDING.
        """
        is_real = targets.flatten() != PADDING
        wanted = targets.flatten()[is_real]  # (N,)
        drawn = torch.multinomial(self._probabilities, self._draws, replacement=True).to(targets.device)
        candidates, indices = torch.unique(torch.cat([wanted, drawn]), return_inverse=True)  # (K,)
        logits = (states.flatten(0, 1)[is_real] @ output[candidates].T).float()  # (N, K)
        own = indices[: len(wanted), None]  # (N, 1), each target's index among the candidates
        corrected = logits - self._log_inclusion(candidates, len(wanted) - 1)
        corrected = corrected.scatter(1, own, logits.gather(1, own))
        return F.cross_entropy(corrected, own[:, 0])

    def _log_inclusion(self, ids: Tensor, targets: int) -> Tensor:
        """Return log P(an id is drawn, or is one of `targets` other targets), (K,) nats."""
        indices = ids.cpu()
        missed = self._log_undrawn[indices] + targets * self._log_absent[indices]
        return torch.log(-torch.expm1(missed)).float().to(ids.device)
