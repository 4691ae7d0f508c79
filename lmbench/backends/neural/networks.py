"""The Transformers that lmbench trains: GPT-2's decoder, and an encoder-decoder that reads text in segments.

Shapes in comments: B windows, T positions, S positions of the segment before, C width, H heads, V ids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Shape:
    """A network's size. ids: how many there are to read and predict; context: positions that are read at once."""

    ids: int
    context: int
    layers: int
    width: int
    heads: int
    dropout: float


class Network(nn.Module):
    """Token embeddings, what a subclass makes of them, and an output that shares the token embeddings."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.ids, shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, ids: Tensor, scored: int) -> Tensor:
        """Logits (B, scored, V) of the events after each of the last `scored` of ids (B, T)."""
        return self.states(ids, scored) @ self.tokens.weight.T  # (B, scored, V)

    def states(self, ids: Tensor, scored: int) -> Tensor:
        """What the output layer reads: (B, scored, C)."""
        raise NotImplementedError

    def _embed(self, ids: Tensor, positions: nn.Embedding) -> Tensor:
        return self.dropout(self.tokens(ids) + positions.weight[: ids.shape[1]])  # type: ignore[no-any-return]  # (B, T, C)

    def _initialize(self) -> None:
        """As GPT-2: deviation 0.02, less for what each block adds to the residual stream (Radford et al. 2019, 2.3)."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.shape.layers) if adds else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


class Decoder(Network):
    """GPT-2 (Radford et al. 2019): learned positions, blocks with the norm before each part, and a last norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape, causal=True) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self._initialize()

    def states(self, ids: Tensor, scored: int) -> Tensor:
        x = self._embed(ids, self.positions)  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, -scored:])  # type: ignore[no-any-return]  # (B, scored, C)


class EncoderDecoder(Network):
    """The layout of Vaswani et al. (2017): the decoder predicts a segment and attends to the encoded segment before it.

    The encoder reads all that comes before the last `scored` ids, in both directions; where there is nothing, at a
    document's start, it reads the first id alone, which is BOS. Encoder, decoder and output share their token
    embeddings (section 3.4 there); norms stand before each part, as in GPT-2, and not after it.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.encoder_positions = nn.Embedding(shape.context, shape.width)
        self.encoder = nn.ModuleList(Block(shape, causal=False) for _ in range(shape.layers))
        self.encoder_norm = nn.LayerNorm(shape.width)
        self.blocks = nn.ModuleList(Block(shape, causal=True, crossed=True) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self._initialize()

    def states(self, ids: Tensor, scored: int) -> Tensor:
        memory = self._encode(ids[:, :-scored] if ids.shape[1] > scored else ids[:, :1])  # (B, S, C)
        x = self._embed(ids[:, -scored:], self.positions)  # (B, scored, C)
        for block in self.blocks:
            x = block(x, memory)
        return self.norm(x)  # type: ignore[no-any-return]  # (B, scored, C)

    def _encode(self, ids: Tensor) -> Tensor:
        x = self._embed(ids, self.encoder_positions)  # (B, S, C)
        for block in self.encoder:
            x = block(x)
        return self.encoder_norm(x)  # type: ignore[no-any-return]  # (B, S, C)


class Block(nn.Module):
    """Self-attention, attention to a memory where it is `crossed`, and a feed-forward part.

    Each reads normalized input and is added to the residual stream (pre-layer-norm).
    """

    def __init__(self, shape: Shape, causal: bool, crossed: bool = False) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.width)
        self.attention = Attention(shape.width, shape.heads, causal)
        self.cross_norm = nn.LayerNorm(shape.width) if crossed else None
        self.cross = CrossAttention(shape.width, shape.heads) if crossed else None
        self.feed_forward_norm = nn.LayerNorm(shape.width)
        self.feed_forward = FeedForward(shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x)))  # (B, T, C)
        if self.cross is not None and self.cross_norm is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), memory))  # (B, T, C)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))  # type: ignore[no-any-return]  # (B, T, C)


class Attention(nn.Module):
    """Multi-head self-attention: softmax(Q K^T / sqrt(d_k)) V (Vaswani et al. 2017, equation 1).

    Args: causal, whether a position sees only itself and those before it.
    """

    def __init__(self, width: int, heads: int, causal: bool = True) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, H, C/H)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, C/H)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)  # (B, H, T, C/H)
        return self.out(y.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]  # (B, T, C)


class CrossAttention(nn.Module):
    """The same formula, with queries from the decoder, and keys and values from the encoder's output."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, T, C/H)
        k, v = self.keys_values(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, S, C/H)
        y = F.scaled_dot_product_attention(q, k, v)  # (B, H, T, C/H)
        return self.out(y.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]  # (B, T, C)


class FeedForward(nn.Module):
    """Two linear maps with GPT-2's GELU between them, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate="tanh"))  # type: ignore[no-any-return]  # (B, T, C)


_GPT2_NAMES = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}


def as_gpt2(decoder: Decoder) -> dict[str, Tensor]:
    """A decoder's weights under the names that transformers' GPT2LMHeadModel gives them, its matrices transposed."""
    weights = {
        "transformer.wte.weight": decoder.tokens.weight,
        "transformer.wpe.weight": decoder.positions.weight,
        "transformer.ln_f.weight": decoder.norm.weight,
        "transformer.ln_f.bias": decoder.norm.bias,
    }
    for number, block in enumerate(decoder.blocks):
        for name, parameter in block.named_parameters():
            part, _, kind = name.rpartition(".")
            stored = parameter.T if parameter.dim() > 1 else parameter  # GPT-2's matrices are (in, out)
            weights[f"transformer.h.{number}.{_GPT2_NAMES[part]}.{kind}"] = stored
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


def make_network(architecture: str, shape: Shape) -> Network:
    """The network of that name, ``decoder`` or ``encoder-decoder``, with its first weights drawn."""
    return {"decoder": Decoder, "encoder-decoder": EncoderDecoder}[architecture](shape)
