"""Log-probabilities of targets in blocks: torch's cross entropy over all logits."""

import pytest
import torch
from torch.nn import functional as F

from lmbench.backends.neural.log_softmax import target_logprobs


@pytest.mark.parametrize(("targets", "ids"), [(1, 3), (513, 2048), (700, 5000)])
def test_blocks_give_the_softmax_over_all_ids(targets, ids):
    generator = torch.Generator().manual_seed(0)
    states, weight = torch.randn(targets, 8, generator=generator), torch.randn(ids, 8, generator=generator)
    wanted = torch.randint(0, ids, (targets,), generator=generator)
    expected = -F.cross_entropy(states @ weight.T, wanted, reduction="none")
    torch.testing.assert_close(target_logprobs(states, weight, wanted), expected, atol=1e-5, rtol=1e-5)


def test_a_certain_target_does_not_exceed_certainty():
    """Its logit is about 300, which float32 rounds by 1e-4 if it is computed in two ways."""
    torch.manual_seed(0)
    weight = torch.randn(50, 128)
    targets = torch.arange(50)
    logprobs = target_logprobs(weight * 2.5, weight, targets)
    assert -1e-3 < logprobs.min() <= logprobs.max() == 0
