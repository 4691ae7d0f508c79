"""The memory budget of scoring with a causal model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_COLUMNS = 8192  # as fast as more, and 32 MiB of float32 for 1,024 targets
_BYTES_PER_LOGIT = 12  # with the float32 copies that the softmax makes


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """The memory that scoring takes in addition to the weights: half for activations, half for logits.

    Attributes:
        mebibytes: The size of both halves together.
    """

    mebibytes: int

    @property
    def columns(self) -> int:
        """The number of logits to compute at once for one target, if they can be computed in parts."""
        return min(_COLUMNS, self._logits)

    def targets(self, columns: int) -> int:
        """Return how many targets fit in half of the memory with this many logits each; at least 1."""
        return max(1, self._logits // columns)

    def tokens(self, model: Any) -> int:
        """Return how many tokens' activations of a transformers model fit in half of the memory; at least 1.

        A token takes about 8 vectors of the model's width and 2 of the feed-forward layers' inner width.
        """
        config = model.config.get_text_config()
        width: int = getattr(config, "hidden_size", 1024)
        inner: int = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * width
        bytes_per_token = (8 * width + 2 * inner) * int(model.dtype.itemsize)
        return max(1, self._half // bytes_per_token)

    def cached_tokens(self, model: Any) -> int:
        """Return how many tokens' keys and values in all layers fit in half of the memory; at least 1."""
        config = model.config.get_text_config()
        heads: int = config.num_attention_heads
        width: int = getattr(config, "head_dim", None) or config.hidden_size // heads
        stored: int = getattr(config, "num_key_value_heads", None) or heads
        numbers = 2 * int(config.num_hidden_layers) * stored * width
        return max(1, self._half // (numbers * int(model.dtype.itemsize)))

    @property
    def _half(self) -> int:
        return self.mebibytes * 2**19

    @property
    def _logits(self) -> int:
        return self._half // _BYTES_PER_LOGIT
