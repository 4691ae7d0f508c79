"""The sampled softmax: it estimates the sum over all ids without bias."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lmbench.backends.neural.transformer.sampled_softmax import SampledSoftmax

COUNTS = np.array([50, 30, 10, 5, 3, 2, 1, 1, 1, 1])

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("padding", [0, 30])
def test_the_estimate_is_unbiased(padding):
    """The mean over draws of the sampled partition sum, exp(loss + own logit), is the sum over all ids."""
    torch.manual_seed(0)
    states, output = torch.randn(1, 1 + padding, 4), torch.randn(10, 4)
    targets = torch.tensor([[3] + [-100] * padding])
    softmax = SampledSoftmax(COUNTS, draws=6)
    sums = [math.exp(softmax.loss(states, output, targets).item()) for _ in range(4000)]
    logits = (states[0, :1] @ output.T)[0]
    whole = (logits.logsumexp(0) - logits[3]).exp().item()
    assert np.mean(sums) == pytest.approx(whole, abs=4 * np.std(sums) / math.sqrt(len(sums)))


def test_the_estimate_is_unbiased_if_other_targets_are_candidates(monkeypatch):
    """The other targets of the batch are drawn as the counts say, so that each may be a candidate."""
    rows = []

    def record_sum(logits, own):
        rows.append((logits[0].logsumexp(0) - logits[0, own[0]]).exp().item())
        return logits.sum()

    monkeypatch.setattr("lmbench.backends.neural.transformer.sampled_softmax.F.cross_entropy", record_sum)
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    states, output = torch.randn(1, 1, 4).expand(1, 9, 4), torch.randn(10, 4)
    shares = (COUNTS + 1) / (COUNTS + 1).sum()
    softmax = SampledSoftmax(COUNTS, draws=3)
    for _ in range(4000):
        softmax.loss(states, output, torch.from_numpy(np.append(3, generator.choice(10, 8, p=shares)))[None])
    logits = (states[0, :1] @ output.T)[0]
    whole = (logits.logsumexp(0) - logits[3]).exp().item()
    assert np.mean(rows) == pytest.approx(whole, abs=4 * np.std(rows) / math.sqrt(len(rows)))


def test_ids_are_drawn_by_the_square_root_of_their_counts():
    """The candidates are a target of probability 0, the other targets, drawn as the counts say, and the drawn ids."""
    generator, counts, others = np.random.default_rng(0), np.array([400, 300, 200, 98, 0]), 7
    torch.manual_seed(0)
    softmax = SampledSoftmax(counts, draws=2)
    shares = (counts + 1) / (counts + 1).sum()
    present = np.zeros(5)
    for _ in range(3000):
        targets = torch.from_numpy(np.append(generator.choice(5, others, p=shares), 4))[None]
        output = torch.zeros(5, 3, requires_grad=True)
        softmax.loss(torch.ones(1, others + 1, 3), output, targets).backward()
        present += (output.grad != 0).any(dim=1).numpy()
    roots = np.sqrt(counts + 1) / np.sqrt(counts + 1).sum()
    expected = 1 - (1 - shares) ** others * (1 - roots) ** 2
    np.testing.assert_allclose(present[:4] / 3000, expected[:4], atol=0.03)


def test_with_every_id_drawn_it_is_the_softmax():
    torch.manual_seed(0)
    states, output = torch.randn(2, 3, 4, requires_grad=True), torch.randn(10, 4)
    targets = torch.tensor([[1, 2, -100], [9, -100, -100]])
    sampled = SampledSoftmax(np.ones(10, dtype=int), draws=400).loss(states, output, targets)
    whole = F.cross_entropy((states @ output.T).flatten(0, 1), targets.flatten(), ignore_index=-100)
    torch.testing.assert_close(sampled, whole)
