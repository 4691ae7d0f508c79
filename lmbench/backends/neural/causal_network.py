"""A causal network of Hugging Face's transformers: its log-probabilities for the targets alone, within a memory.

Shapes in comments: B windows, T positions, N targets, C width of the states, V rows of the model's output.
"""

from __future__ import annotations

import copy
import ctypes
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from transformers.activations import FastGELUActivation, NewGELUActivation
from transformers.utils.generic import ModelOutput

from lmbench.arrays import Ints
from lmbench.backends.neural.hub_model import positions

_CPU_TOKENS = 1024  # more at once are no faster on a CPU's cores, and need more memory
_COLUMNS = 8192  # of the output at once; as fast as more, and 32 MiB for 1,024 tokens
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h


class CausalNetwork:
    """A transformers model with a causal head, on its device, and MiB that scoring may take beside the weights.

    Logits never exist for a whole batch. Where they are the last states' product with the output matrix, some of their
    columns are made at a time; where the model makes something else of its states, those of some targets. A model that
    hides its states is scored window by window: `window_tokens` is how many tokens' logits the memory holds there.
    """

    def __init__(self, model: Any, memory: int) -> None:
        self.model, self._memory = model, memory
        self._parameters = inspect.signature(model.forward).parameters
        _fuse_activations(model)
        _give_freed_memory_back()

    @cached_property
    def rows(self) -> int:
        """V, how many events the output tells apart, those that belong to no token included."""
        return int(self.logits(np.zeros((1, 1), dtype=np.int64), scored=1).shape[-1])

    @property
    def tokens_at_once(self) -> int:
        """Tokens whose activations half of the memory holds: some 8 times the width and 2 times a block's inner one."""
        config = self.model.config.get_text_config()
        width: int = getattr(config, "hidden_size", 1024)
        inner: int = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * width
        each = (8 * width + 2 * inner) * int(self.model.dtype.itemsize)
        return max(1, self._memory * 2**19 // each)

    @property
    def batch_tokens(self) -> int:
        """Tokens to score at once, where a window is not longer."""
        return min(self.tokens_at_once, _CPU_TOKENS) if self.model.device.type == "cpu" else self.tokens_at_once

    @property
    def window_tokens(self) -> int:
        """Tokens to read at once at most, where the model says no number."""
        return self.tokens_at_once if self._shows_states else min(self.tokens_at_once, self._rows_at_once)

    @torch.inference_mode()
    def logits(self, inputs: Ints, scored: int) -> torch.Tensor:
        """Those after the last ids of each window, (B, scored, V)."""
        ids = torch.from_numpy(inputs).to(self.model.device)  # (B, T)
        last = {"logits_to_keep": scored} if "logits_to_keep" in self._parameters else {}
        return self.model(ids, **last, **_without_cache(self.model)).logits[:, -scored:]  # type: ignore[no-any-return]

    @torch.inference_mode()
    def logits_after(self, inputs: Ints, cache: Any) -> tuple[torch.Tensor, Any]:
        """Logits (V,) after ids (1, T), and the library's cache of what was read; None where the model keeps none."""
        if "past_key_values" not in self._parameters:
            return self.logits(inputs, scored=1)[0, -1], None
        ids = torch.from_numpy(inputs).to(self.model.device)
        last = {"logits_to_keep": 1} if "logits_to_keep" in self._parameters else {}
        output = self.model(ids, past_key_values=cache, use_cache=True, **last)
        return output.logits[0, -1], output.past_key_values

    @torch.inference_mode()
    def logprobs(self, inputs: Ints, targets: Ints) -> NDArray[np.float64]:
        """Nats of the targets (B, T) that are scored, those that are not -1: (N,), row by row."""
        wanted = torch.from_numpy(targets).to(self.model.device)
        if self._shows_states:
            states = self._trunk(torch.from_numpy(inputs).to(self.model.device)).last_hidden_state[
                wanted >= 0
            ]  # (N, C)
            parts = [self._of_states(*part) for part in self._parts(states, wanted[wanted >= 0])]
        else:
            parts = [self._of_window(*pair) for pair in zip(inputs, wanted, strict=True)]
        return torch.cat(parts).double().cpu().numpy()

    def _parts(self, states: torch.Tensor, ids: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        rows = self._numbers_at_once // self._columns if self._is_product else self._rows_at_once
        return zip(torch.split(states, max(1, rows)), torch.split(ids, max(1, rows)), strict=True)

    def _of_states(self, states: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (N,) of ids after last states (N, C)."""
        if self._is_product:
            return self._of_product(states, ids)
        return -F.cross_entropy(self._logits_of(states).float(), ids, reduction="none")

    def _of_product(self, states: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """The same, some columns of the output matrix at a time: log of a sum of exponentials, and the target's own."""
        head, sums, own = self.model.get_output_embeddings(), [], torch.zeros(len(ids), device=states.device)
        states = states.to(head.weight.dtype)
        for first in range(0, head.weight.shape[0], self._columns):
            last = first + self._columns
            bias = None if head.bias is None else head.bias[first:last]
            logits = F.linear(states, head.weight[first:last], bias).float()  # (N, columns)
            here = torch.nonzero((ids >= first) & (ids < last))[:, 0]
            own[here] = logits[here, ids[here] - first]
            sums.append(_log_sum_exp(logits))
        return own - torch.stack(sums).logsumexp(0)

    def _of_window(self, window: Ints, ids: torch.Tensor) -> torch.Tensor:
        """The same for one window (T,), by the model's own logits; its targets stand behind each other."""
        scored = int(torch.count_nonzero(ids >= 0))
        end = int(torch.nonzero(ids >= 0).max()) + 1
        logits = self.logits(window[None, :end], scored)[0]  # (N, V)
        return -F.cross_entropy(logits.float(), ids[end - scored : end], reduction="none")

    def _trunk(self, ids: torch.Tensor) -> Any:
        return self.model.base_model(ids, **_without_cache(self.model.base_model))

    def _logits_of(self, states: torch.Tensor) -> torch.Tensor:
        """What the model itself makes of last states (N, C): logits (N, V). Its trunk is told to give these."""
        ids = torch.zeros((1, len(states)), dtype=torch.long, device=states.device)
        with _giving(self.model.base_model, self._output, states[None]):
            return self.model(ids, **_without_cache(self.model)).logits[0]  # type: ignore[no-any-return]

    @cached_property
    @torch.inference_mode()
    def _probe(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A few ids (1, T), and the model's own logits after them, (T, V)."""
        ids = torch.arange(min(8, positions(self.model) or 8), device=self.model.device)[None] % self.rows
        return ids, self.model(ids).logits[0].float()

    @cached_property
    @torch.inference_mode()
    def _output(self) -> Any:
        """What the trunk gives for the probe; None for a model that is its own trunk, or gives something else."""
        if self.model.base_model is self.model:
            return None
        output = self._trunk(self._probe[0])
        return output if isinstance(output, ModelOutput) and "last_hidden_state" in output else None

    @cached_property
    def _shows_states(self) -> bool:
        return self._output is not None and (self._is_product or self._takes_states)

    @cached_property
    @torch.inference_mode()
    def _takes_states(self) -> bool:
        """Whether the model gives the same logits where its trunk is told what to give."""
        return _alike(self._logits_of(self._output.last_hidden_state[0]).float(), self._probe[1])

    @cached_property
    @torch.inference_mode()
    def _is_product(self) -> bool:
        """Whether the logits are the last states' product with the output matrix, for large ones, too.

        Some models bound or scale their logits (Gemma 2), which small ones may not show.
        """
        head = self.model.get_output_embeddings()
        if not isinstance(head, torch.nn.Linear):
            return False
        states = self._output.last_hidden_state[0].to(head.weight.dtype)  # some trunks give float32 always
        if states.shape[-1] != head.in_features or not _alike(head(states).float(), self._probe[1]):
            return False
        large = 30 * states
        return not self._takes_states or _alike(head(large).float(), self._logits_of(large).float())

    @property
    def _numbers_at_once(self) -> int:
        """Logits that half of the memory holds, with what the softmax makes of them in float32."""
        return self._memory * 2**19 // 12

    @property
    def _columns(self) -> int:
        return min(_COLUMNS, self._numbers_at_once)

    @property
    def _rows_at_once(self) -> int:
        return max(1, self._numbers_at_once // self.rows)


def _without_cache(module: Any) -> dict[str, bool]:
    """What tells a part of the network that nothing will follow, so that it keeps no keys and values."""
    return {"use_cache": False} if "use_cache" in inspect.signature(module.forward).parameters else {}


def _log_sum_exp(logits: torch.Tensor) -> torch.Tensor:
    """As torch.logsumexp over the last axis, (N,), in the logits' own memory, which is overwritten."""
    largest = logits.amax(-1, keepdim=True)
    return logits.sub_(largest.clamp_min(torch.finfo(logits.dtype).min)).exp_().sum(-1).log_().add_(largest[:, 0])


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one, other, atol=1e-5, rtol=1e-4))


@contextmanager
def _giving(trunk: Any, output: Any, states: torch.Tensor) -> Iterator[None]:
    """The trunk gives these states, whatever it is asked, and computes nothing."""
    given = copy.copy(output)
    given["last_hidden_state"] = states
    trunk.forward = lambda *_, **__: given  # of this object alone, before its class's
    try:
        yield
    finally:
        del trunk.forward


def _give_freed_memory_back() -> None:
    """Blocks from 1 MiB on are the system's again when they are freed, in this process, where its C library is glibc.

    It would learn to keep them, and tensors of a few sizes in turn leave gaps: 100 to 250 MiB over a text of some
    windows with GPT-2, for 3 % of the time.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, 2**20)


def _fuse_activations(model: Any) -> None:
    """GPT-2's GELU, which transformers computes in eight passes over its input, in one: the same function.

    In half precision it is rounded once, not after each pass, which moves an event by some 0.03 nats.
    """
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) in (NewGELUActivation, FastGELUActivation):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))
