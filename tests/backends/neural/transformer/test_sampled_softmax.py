"""The sampled softmax: it estimates the sum over all ids without bias."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lmbench.backends.neural.transformer.sampled_softmax import SampledSoftmax

COUNTS = np.array([50, 30, 10, 5, 3, 2, 1, 1, 1, 1])

pytestmark = pytest.mark.usefixtures("one_thread")


class FixedStates(nn.Module):
    """A network whose states do not depend on what it reads."""

    def __init__(self, states, output):
        super().__init__()
        self.fixed, self.tokens = states, nn.Embedding.from_pretrained(output, freeze=False)

    def forward(self, ids, scored):
        assert ids.max() < len(self.tokens.weight)
        return self.fixed @ self.tokens.weight.T


def sampled_loss(softmax, network, targets, inputs=None):
    """Return the loss of targets, and the rows of the sample's ids."""
    inputs = targets.clamp(min=0) if inputs is None else inputs
    sample = softmax.draw(inputs, targets)
    rows = network.tokens.weight.detach()[sample.ids].requires_grad_()
    return sample.loss(network, rows, inputs, targets), sample.ids, rows


@pytest.mark.parametrize("padding", [0, 30])
def test_the_estimate_is_unbiased(padding):
    """The mean over draws of the sampled partition sum, exp(loss + own logit), is the sum over all ids."""
    torch.manual_seed(0)
    states, output = torch.randn(1, 1 + padding, 4), torch.randn(10, 4)
    targets = torch.tensor([[3] + [-100] * padding])
    softmax = SampledSoftmax(COUNTS, draws=6)
    network = FixedStates(states, output)
    sums = [math.exp(sampled_loss(softmax, network, targets)[0].item()) for _ in range(4000)]
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
        targets = torch.from_numpy(np.append(3, generator.choice(10, 8, p=shares)))[None]
        sampled_loss(softmax, FixedStates(states, output), targets)
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
        network = FixedStates(torch.ones(1, others + 1, 3), torch.zeros(5, 3))
        loss, ids, rows = sampled_loss(softmax, network, targets)
        loss.backward()
        present[ids] += (rows.grad != 0).any(dim=1).numpy()
    roots = np.sqrt(counts + 1) / np.sqrt(counts + 1).sum()
    expected = 1 - (1 - shares) ** others * (1 - roots) ** 2
    np.testing.assert_allclose(present[:4] / 3000, expected[:4], atol=0.03)


def test_with_every_id_drawn_it_is_the_softmax():
    torch.manual_seed(0)
    network = FixedStates(torch.randn(2, 3, 4), torch.randn(10, 4))
    targets = torch.tensor([[1, 2, -100], [9, -100, -100]])
    sampled, ids, rows = sampled_loss(SampledSoftmax(np.ones(10, dtype=int), draws=400), network, targets)
    logits = network(torch.zeros(1, dtype=int), 3).flatten(0, 1)
    whole = F.cross_entropy(logits, targets.flatten(), ignore_index=-100)
    sampled.backward()
    whole.backward()
    torch.testing.assert_close(sampled, whole)
    assert ids.tolist() == list(range(10))
    torch.testing.assert_close(rows.grad, network.tokens.weight.grad)


def test_ids_that_are_only_read_do_not_count():
    """The sum runs over targets and drawn ids; a BOS that is read before them is not among them."""
    torch.manual_seed(0)
    network = FixedStates(torch.zeros(1, 1, 4), torch.randn(10, 4))
    softmax = SampledSoftmax(np.array([1000, 1, 1, 1, 1, 1, 1, 1, 1, 0]), draws=1)
    targets, inputs = torch.tensor([[0]]), torch.tensor([[9]])
    losses = [sampled_loss(softmax, network, targets, inputs) for _ in range(20)]
    alone = [loss.item() for loss, ids, _ in losses if ids.tolist() == [0, 9]]
    assert alone
    assert all(loss == 0 for loss in alone)  # the target is the only candidate
