"""Log-probabilities of targets under a softmax over many ids, of which only a block exists at a time.

Shapes in comments: N targets, C width, V ids.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_ROWS, _COLUMNS = 512, 2048  # 4 MiB of float32, which stay in the caches of a processor


def target_logprobs(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the log-probabilities of targets, (N,) nats.

    All logits at once would take N x V numbers. Written to memory and read again, they take longer than their products.

    Args:
        states: (N, C) inputs of the output layer.
        weight: (V, C) weights of the output layer.
        targets: (N,) ids.
    """
    pairs = zip(torch.split(states, _ROWS), torch.split(targets, _ROWS), strict=True)
    logprobs = torch.cat([_own_logits(x, weight, ids) - _log_sums(x, weight) for x, ids in pairs])
    return logprobs.clamp(max=0)  # a certain target's two logits are rounded in different ways


def _own_logits(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return (states * F.embedding(targets, weight)).sum(-1)  # (N,)


def _log_sums(states: Tensor, weight: Tensor) -> Tensor:
    """Return the logarithm of the sum of exp(logit) over all ids, (N,)."""
    blocks = [(states @ block.T).logsumexp(-1) for block in torch.split(weight, _COLUMNS)]
    return torch.stack(blocks).logsumexp(0)
