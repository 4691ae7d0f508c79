"""Checks that a configuration and a tokenizer are of the weights' size, before memory is allocated for them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from lmbench.backends.neural.pretrained.model_files import ModelFiles, UnusableFileError, scalars
from lmbench.errors import reason
from lmbench.machine_memory import usable_memory

if TYPE_CHECKING:
    import torch

_COUNT = re.compile(r"(?:.*_)?(?:layers?|experts|blocks|groups|labels)")  # of what the library builds one by one
_LENGTH = re.compile(r".*position.*|n_ctx|.*seq.*len.*|.*max.*len.*")
_USUAL_COUNT = 256  # some architectures share one layer's weights
_LONGEST = 1 << 24  # positions; the longest known model reads 10 million
_GROWTH = 16  # the bytes of a float32 network for each byte of weights: 8 for weights of 4 bits
_GROWTH_OF_TEXT = 4096  # times
_SPARE = 256 << 20  # bytes: masks, and heads that the weights lack


def read_shapes(weights: Sequence[Path]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in safetensors files, by name, according to their headers.

    Raises:
        UnusableFileError: A file is damaged.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weights:
        try:
            with safe_open(path, "np") as file:  # "pt" would import PyTorch, which the header does not need
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UnusableFileError(f"{path.name} is damaged: {reason(error)}") from error
    return shapes


def check_counts(config: dict[str, Any], tensors: int) -> None:
    """Check the numbers of a configuration, from which the library would build layers, labels and positions.

    Args:
        config: The configuration.
        tensors: How many tensors the weights hold.

    Raises:
        UnusableFileError: A number is out of proportion to the weights.
    """
    most = max(_USUAL_COUNT, tensors)
    for key, value in scalars(config):
        if not isinstance(value, int):
            continue
        setting = f"config.json sets {key} to {_shorten(value)}"
        if _COUNT.fullmatch(key) and value < 0:
            raise UnusableFileError(f"{setting}, which is not a number of parts")
        if _COUNT.fullmatch(key) and value > most:
            raise UnusableFileError(f"{setting}, but the weights hold {tensors:,} tensors")
        if (_LENGTH.fullmatch(key) or key == "attention_types") and value > _LONGEST:
            raise UnusableFileError(f"{setting}; at most {_LONGEST:,} are supported")


def check_network(network: torch.nn.Module, stored: int, itemsize: int) -> None:
    """Check the size of a network without memory (on the device "meta") against its weights and this machine's memory.

    Args:
        network: The network.
        stored: The bytes of its weights on disk.
        itemsize: The bytes that each of its numbers will take; 0 if they will not take this machine's memory.

    Raises:
        UnusableFileError: It is out of proportion to the weights, or it does not fit in memory.
    """
    sizes = [math.prod(tensor.shape) for tensor in (*network.parameters(), *network.buffers())]
    if 4 * sum(sizes) > _GROWTH * stored + _SPARE:
        raise UnusableFileError(
            f"config.json describes a network of {sum(sizes):,} numbers, but the weights have {stored:,} bytes"
        )
    if (needed := itemsize * sum(sizes)) > (usable := usable_memory()):
        raise UnusableFileError(
            f"its weights take {needed / 2**30:,.0f} GiB, but {usable / 2**30:,.0f} GiB of memory can be used"
        )


def find_mismatch(network: torch.nn.Module, files: ModelFiles) -> str:
    """Return how a network and its weights differ in the shape of a tensor, or "" if they do not."""
    shapes = read_shapes(files.weights)
    for name, tensor in network.state_dict().items():
        own, stored = tuple(tensor.shape), shapes.get(name)
        if stored not in (None, own):
            return f"config.json describes a network whose {name} has shape {own}, but the weights have {stored}"
    return ""


def check_token_ids(ids: dict[str, int]) -> None:
    """Check that the ids of a vocabulary are about as many as its tokens.

    Raises:
        UnusableFileError: They are not.
    """
    if not ids:
        raise UnusableFileError("its tokenizer does not have any tokens")
    token, largest = max(ids.items(), key=lambda pair: pair[1])
    if largest > 16 * len(ids) + (1 << 20):
        raise UnusableFileError(f"its tokenizer gives {token[:40]!r} the id {largest:,}, but has {len(ids):,} tokens")


def check_growth(tokenizer: dict[str, Any]) -> None:
    """Check that the replacements in a tokenizer.json do not multiply a text beyond memory.

    Raises:
        UnusableFileError: They may.
    """
    growth = 1
    for part in _replacements({key: value for key, value in tokenizer.items() if key not in ("model", "added_tokens")}):
        growth *= max(1, len(part))
        if growth > _GROWTH_OF_TEXT:
            raise UnusableFileError("the replacements in tokenizer.json make a text thousands of times as long")


def _replacements(value: Any) -> Iterator[str]:
    """Yield every text that a part of a tokenizer puts in the place of another, or before it."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend(children)
        if isinstance(value, dict) and value.get("type") in ("Replace", "Prepend"):
            yield str(value.get("content", value.get("prepend", "")))


def _shorten(value: int) -> str:
    digits = str(value)
    return digits if len(digits) <= 20 else f"{digits[:20]}…"
