"""Attention: softmax(Q K^T / sqrt(d_k)) V (Vaswani et al. 2017, equation 1), and rotary positions.

Shapes in comments: B windows, T positions, S positions of the memory, C width, H heads, D = C/H.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROTARY_BASE = 10_000
"""The rotation of the slowest pair of dimensions takes about this many positions."""


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Args:
        width: The size of the vectors.
        heads: The number of heads.
        causal: Whether a position sees only itself and those before it.
        rotary: Rotates queries and keys by their positions; None: attention does not know positions.
    """

    def __init__(self, width: int, heads: int, causal: bool = True, rotary: Rotary | None = None) -> None:
        super().__init__()
        self.heads, self.causal, self.rotary = heads, causal, rotary
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return what each position of x (B, T, C) attends to; `seen` (B, T) says which positions may be."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        q, k = self.rotary(qkv[:2]) if self.rotary else qkv[:2]
        y = attend(q, k, qkv[2], self.causal, seen)  # (B, H, T, D)
        return self.out(y.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]  # (B, T, C)


class CrossAttention(nn.Module):
    """Multi-head attention with queries from the decoder, and keys and values from the encoder's output."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return what each position of x (B, T, C) attends to; `seen` (B, S) says which of the memory's may be."""
        q, k, v = self._project(x, memory)
        y = attend(q, k, v, is_causal=False, seen=seen)  # (B, H, T, D)
        return self.out(y.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]  # (B, T, C)

    def weights(self, x: Tensor, memory: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return softmax(Q K^T / sqrt(D)), (B, H, T, S): how much of each position of the memory `forward` reads."""
        q, k, _ = self._project(x, memory)
        products = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, T, S)
        return (products if seen is None else products + _bias(seen, products.dtype)).softmax(-1)

    def _project(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, T, D)
        k, v = self.keys_values(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, S, D)
        return q, k, v


class Rotary(nn.Module):
    """Rotary positions (Su et al. 2021), with the pairs of dimensions that GPT-NeoX has: i and i + D/2.

    Pair i of a vector at position t is rotated by t / base^(2i/D), so that the product of a query and a key depends on
    the distance between them.

    Args:
        size: D, an even number.
        context: The number of positions.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, size: int, context: int) -> None:
        super().__init__()
        rates = ROTARY_BASE ** -(torch.arange(0, size, 2) / size)  # (D/2,)
        angles = torch.outer(torch.arange(context).float(), rates).repeat(1, 2)  # (T, D)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the rotated vectors; x is (..., T, D)."""
        cos, sin = (table[: x.shape[-2]].to(x.dtype) for table in (self.cos, self.sin))  # (T, D)
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-second, first], dim=-1) * sin


def attend(q: Tensor, k: Tensor, v: Tensor, is_causal: bool, seen: Tensor | None = None) -> Tensor:
    """Return softmax(Q K^T / sqrt(D)) V, (B, H, T, D).

    Args:
        q: (B, H, T, D) queries.
        k: (B, H, S, D) keys.
        v: (B, H, S, D) values.
        is_causal: Whether position t reads none after t.
        seen: (B, S) which positions may be read, unless `is_causal` decides that; None: all.
    """
    bias = None if seen is None else _bias(seen, q.dtype)  # (B, 1, 1, S)
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        return _attend_in_bfloat16(q, k, v, is_causal, bias)
    return F.scaled_dot_product_attention(q, k, v, bias, is_causal=is_causal)


def _bias(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what hides positions: (B, 1, 1, S), 0 for those that are seen, else -inf."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, -math.inf)[:, None, None]


def _attend_in_bfloat16(q: Tensor, k: Tensor, v: Tensor, is_causal: bool, bias: Tensor | None) -> Tensor:
    """Attend with products of whole matrices, because the gradient of torch's own attention is slow on a CPU."""
    batch, heads, length, size = q.shape
    q, k, v = (x.reshape(batch * heads, -1, size) for x in (q, k, v))
    if is_causal:
        bias = q.new_full((length, length), -math.inf).triu(1)
    elif bias is None:
        bias = q.new_zeros(1, 1)
    else:
        bias = bias.expand(batch, heads, 1, -1).flatten(0, 1)  # (BH, 1, S)
    weights = torch.baddbmm(bias, q, k.mT, alpha=1 / math.sqrt(size)).softmax(-1, dtype=q.dtype)  # (BH, T, S)
    return torch.bmm(weights, v).view(batch, heads, length, size)
