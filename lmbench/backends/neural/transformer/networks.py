"""The Transformers that lmbench trains: a decoder like GPT-2, and an encoder-decoder that reads text in segments.

Shapes in comments: B windows, T positions, S positions of the segment before, C width, H heads, V ids.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.attention import CrossAttention, Rotary, SelfAttention
from lmbench.backends.neural.transformer.muon import Matrix
from lmbench.backends.neural.windows import Window, pair_segments, strided_windows

PADDING = -100
"""The id of a padded position: cross_entropy ignores it as a target, and an encoder does not see it."""

_STACKED = {"qkv": 3, "keys_values": 2}  # linear maps that compute several things at once


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a network.

    Attributes:
        ids: The number of ids to read and predict.
        context: The number of positions that are read at once.
        layers: The number of blocks; an encoder-decoder has as many again in its encoder.
        width: The size of the vectors between blocks.
        heads: The attention heads of each block.
        dropout: The share of activations dropped in training.
        rotary: Whether a decoder's attention rotates by positions; otherwise positions have embeddings.
    """

    ids: int
    context: int
    layers: int
    width: int
    heads: int
    dropout: float
    rotary: bool = False


class Network(nn.Module, ABC):
    """Token embeddings, the hidden states that a subclass computes, and an output tied to the token embeddings.

    Attributes:
        shape: Its size.
        tokens: The embeddings of the ids.
        norm: The norm of the last hidden states.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.ids, shape.width)
        self.norm = nn.LayerNorm(shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, ids: Tensor, scored: int) -> Tensor:
        """Return the logits (B, scored, V) of the events after each of the last `scored` of ids (B, T)."""
        return self.states(ids, scored) @ self.tokens.weight.T  # (B, scored, V)

    @abstractmethod
    def states(self, ids: Tensor, scored: int) -> Tensor:
        """Return the inputs (B, scored, C) of the output layer at the last `scored` of ids (B, T)."""

    @abstractmethod
    def windows(self, inputs: Ints, stride: int) -> Iterator[Window]:
        """Yield the windows in which this network scores the events after each of these ids."""

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.tokens.weight.device

    @property
    def block_matrices(self) -> list[Matrix]:
        """The matrices in the blocks: all but the embeddings."""
        return [
            Matrix(module.weight, _STACKED.get(name.rpartition(".")[2], 1))
            for name, module in self.named_modules()
            if isinstance(module, nn.Linear)
        ]

    def _embed(self, ids: Tensor, positions: nn.Embedding | None) -> Tensor:
        x = self.tokens(ids)  # (B, T, C)
        return self.dropout(x if positions is None else x + positions.weight[: ids.shape[1]])  # type: ignore[no-any-return]

    def _initialize(self) -> None:
        """Draw the weights as GPT-2 does: deviation 0.02, less for residual outputs (Radford et al. 2019, 2.3)."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                is_residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.shape.layers) if is_residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


class Decoder(Network):
    """A decoder like GPT-2 (Radford et al. 2019): a norm before each part of a block, and a final norm.

    Positions are learned embeddings, as in GPT-2, or rotary, as in GPT-NeoX (Black et al. 2022). It reads overlapping
    windows.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        rotary = Rotary(shape.width // shape.heads, shape.context) if shape.rotary else None
        self.positions = None if shape.rotary else nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape, causal=True, rotary=rotary) for _ in range(shape.layers))
        self._initialize()

    def states(self, ids: Tensor, scored: int) -> Tensor:
        x = self._embed(ids, self.positions)  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, -scored:])  # type: ignore[no-any-return]  # (B, scored, C)

    def windows(self, inputs: Ints, stride: int) -> Iterator[Window]:
        return strided_windows(len(inputs), self.shape.context, stride)


class EncoderDecoder(Network):
    """The layout of Vaswani et al. (2017): the decoder predicts a segment and attends to the encoded one before it.

    The encoder reads all ids before the last `scored` ones, in both directions. At a document's start there are none,
    and it reads the first id alone, which is BOS. Encoder, decoder and output share their token embeddings (section 3.4
    of the paper); norms come before each part, as in GPT-2, not after it.

    Args:
        shape: Its size.
        mark: The ids that end the source of a pair, so that a segment begins with its target; none if there are no
            pairs.
    """

    def __init__(self, shape: Shape, mark: tuple[int, ...] = ()) -> None:
        super().__init__(shape)
        self.mark = mark
        self.positions = nn.Embedding(shape.context, shape.width)
        self.encoder_positions = nn.Embedding(shape.context, shape.width)
        self.encoder = nn.ModuleList(Block(shape, causal=False) for _ in range(shape.layers))
        self.encoder_norm = nn.LayerNorm(shape.width)
        self.blocks = nn.ModuleList(Block(shape, causal=True, crossed=True) for _ in range(shape.layers))
        self._initialize()

    def states(self, ids: Tensor, scored: int) -> Tensor:
        read = ids[:, :-scored] if ids.shape[1] > scored else ids[:, :1]  # (B, S)
        seen = visible(read)
        memory = self._encode(read.clamp(min=0), seen)  # (B, S, C)
        x = self._embed(ids[:, -scored:], self.positions)  # (B, scored, C)
        for block in self.blocks:
            x = block(x, seen, memory)
        return self.norm(x)  # type: ignore[no-any-return]  # (B, scored, C)

    def windows(self, inputs: Ints, stride: int) -> Iterator[Window]:
        """Yield the segments, whatever the stride."""
        return pair_segments(inputs, self.mark, self.shape.context)

    @torch.inference_mode()
    def cross_weights(self, ids: Tensor, scored: int) -> Tensor:
        """Return how the last `scored` of ids (B, T) attend to those before, (layers, B, H, scored, S)."""
        inputs: list[tuple[Tensor, ...]] = []
        crossed = [module for module in self.modules() if isinstance(module, CrossAttention)]
        hooks = [module.register_forward_pre_hook(lambda _, given: inputs.append(given)) for module in crossed]
        self.eval().states(ids, scored)
        for hook in hooks:
            hook.remove()
        return torch.stack([module.weights(*given) for module, given in zip(crossed, inputs, strict=True)])

    def _encode(self, ids: Tensor, seen: Tensor | None = None) -> Tensor:
        x = self._embed(ids, self.encoder_positions)  # (B, S, C)
        for block in self.encoder:
            x = block(x, seen)
        return self.encoder_norm(x)  # type: ignore[no-any-return]  # (B, S, C)


class Block(nn.Module):
    """Self-attention, cross-attention to a memory if it is `crossed`, and a feed-forward part.

    Each part reads normalized input, and its output is added to the residual stream (pre-layer-norm). `seen` (B, S)
    hides positions of the memory, or of an encoder's own input.
    """

    def __init__(self, shape: Shape, causal: bool, crossed: bool = False, rotary: Rotary | None = None) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.width)
        self.attention = SelfAttention(shape.width, shape.heads, causal, rotary)
        self.cross_norm = nn.LayerNorm(shape.width) if crossed else None
        self.cross = CrossAttention(shape.width, shape.heads) if crossed else None
        self.feed_forward_norm = nn.LayerNorm(shape.width)
        self.feed_forward = FeedForward(shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, seen: Tensor | None = None, memory: Tensor | None = None) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), seen if memory is None else None))  # (B, T, C)
        if self.cross is not None and self.cross_norm is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), memory, seen))  # (B, T, C)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))  # type: ignore[no-any-return]  # (B, T, C)


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them; the inner width is four times the outer one.

    GPT-2 approximates GELU by a tanh, which takes three times as long on a CPU.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x)))  # type: ignore[no-any-return]  # (B, T, C)


def visible(ids: Tensor) -> Tensor | None:
    """Return which ids (B, S) are not padding; None if all are visible."""
    seen = ids != PADDING
    return None if bool(seen.all()) else seen


def make_network(architecture: str, shape: Shape, mark: tuple[int, ...] = ()) -> Network:
    """Return a network with freshly drawn weights.

    Args:
        architecture: ``decoder`` or ``encoder-decoder``.
        shape: Size of the network.
        mark: The ids that end the source of a pair, for an encoder-decoder that is trained on pairs.
    """
    return EncoderDecoder(shape, mark) if architecture == "encoder-decoder" else Decoder(shape)
