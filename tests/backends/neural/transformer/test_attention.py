"""Attention: the formula by hand, torch's own in both precisions, and rotations as products of complex numbers."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lmbench.backends.neural.transformer.attention import CrossAttention, Rotary, SelfAttention, attend

pytestmark = pytest.mark.usefixtures("one_thread")


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def linear(layer, x):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def by_hand(queries, keys, values, heads, causal):
    """softmax(Q K^T / sqrt(d_k)) V, head by head."""
    width = queries.shape[1] // heads
    outputs = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        logits = queries[:, part] @ keys[:, part].T / math.sqrt(width)
        if causal:
            logits[np.triu_indices(len(logits), k=1)] = -np.inf
        outputs.append(softmax(logits) @ values[:, part])
    return np.hstack(outputs)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_follows_the_formula(causal):
    torch.manual_seed(1)
    attention = SelfAttention(width=6, heads=2, causal=causal).double()
    x = torch.randn(1, 4, 6, dtype=torch.float64)
    queries, keys, values = np.split(linear(attention.qkv, x[0].numpy()), 3, axis=1)
    expected = linear(attention.out, by_hand(queries, keys, values, 2, causal))
    np.testing.assert_allclose(attention(x)[0].detach().numpy(), expected, atol=1e-12)


def test_cross_attention_follows_the_formula_over_the_memory():
    torch.manual_seed(1)
    attention = CrossAttention(width=6, heads=2).double()
    x, memory = torch.randn(1, 4, 6, dtype=torch.float64), torch.randn(1, 7, 6, dtype=torch.float64)
    keys, values = np.split(linear(attention.keys_values, memory[0].numpy()), 2, axis=1)
    attended = by_hand(linear(attention.query, x[0].numpy()), keys, values, 2, causal=False)
    np.testing.assert_allclose(attention(x, memory)[0].detach().numpy(), linear(attention.out, attended), atol=1e-12)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_in_bfloat16_is_torchs(causal):
    """Both values and gradients agree with those of torch in float32, as far as bfloat16 allows."""
    torch.manual_seed(1)
    exact = [torch.randn(2, 3, 5, 8, requires_grad=True) for _ in range(3)]
    rounded = [x.detach().bfloat16().requires_grad_() for x in exact]
    weights = torch.randn(2, 3, 5, 8)
    expected = F.scaled_dot_product_attention(*exact, is_causal=causal)
    (expected * weights).sum().backward()
    result = attend(*rounded, is_causal=causal)
    (result.float() * weights).sum().backward()
    torch.testing.assert_close(result.float(), expected, atol=0.03, rtol=0.03)
    for ours, theirs in zip(rounded, exact, strict=True):
        torch.testing.assert_close(ours.grad.float(), theirs.grad, atol=0.06, rtol=0.06)


def test_rotations_are_products_with_complex_numbers():
    """Pair i at position t is multiplied by exp(j t / 10000^(2i/D)); lengths do not change."""
    torch.manual_seed(1)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    pairs = torch.complex(x[..., :3], x[..., 3:])
    angles = torch.arange(5)[:, None] / 10_000 ** (torch.arange(3) / 3)
    expected = pairs * torch.polar(torch.ones_like(angles, dtype=torch.float64), angles.double())
    rotated = Rotary(6, context=9)(x)
    torch.testing.assert_close(torch.complex(rotated[..., :3], rotated[..., 3:]), expected, atol=1e-6, rtol=1e-6)


def test_rotated_products_depend_on_distances_alone():
    torch.manual_seed(1)
    query, key = torch.randn(8), torch.randn(8)
    rotary = Rotary(8, context=20)
    queries, keys = rotary(query.expand(20, 8)), rotary(key.expand(20, 8))
    products = queries @ keys.T
    for distance in (-7, 0, 3):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand(len(diagonal)), atol=1e-5, rtol=1e-5)
    assert products.std() > 0.1
