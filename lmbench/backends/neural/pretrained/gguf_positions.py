"""How the network of a GGUF file scales positions. transformers ignores both the tensors and the keys that say it."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from lmbench.arrays import Floats
from lmbench.backends.neural.pretrained.gguf_file import GgufFile
from lmbench.backends.neural.pretrained.model_files import UnusableFileError

SCALING = re.compile(r"(?:blk\.\d+\.)?rope_(?:freqs|factors_\w+)\.weight")
"""The names of tensors that scale positions and are not weights of a network."""

_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def set_positions(file: GgufFile, config: Any) -> None:
    """Configure the positions of Llama 3.1 and its successors; other networks must not scale theirs.

    Raises:
        UnusableFileError: The file scales positions in a way that cannot be configured.
    """
    scaling = file.metadata.get(f"{file.architecture}.rope.scaling.type", "none")
    names = sorted(tensor.name for tensor in file.tensors if SCALING.fullmatch(tensor.name))
    told = getattr(config, "rope_parameters", None)
    if (not names and scaling in ("none", "")) or (told or {}).get("rope_type", "default") != "default":
        return
    factors = file.read_floats("rope_freqs.weight")
    if told and factors is not None and np.allclose(factors, _llama3_factors(told["rope_theta"], factors), rtol=1e-4):
        config.rope_parameters = {**told, "rope_type": "llama3", "factor": float(factors.max()), **_LLAMA3}
        return
    raise UnusableFileError(
        f"it scales positions ({', '.join(names) or scaling}), which transformers does not read from GGUF files"
    )


def _llama3_factors(base: float, factors: Floats) -> Floats:
    """Return by what Llama 3.1 divides the frequencies (pairs,) of positions, given the largest of these factors.

    This is what llama.cpp's convert_hf_to_gguf.py computes from a configuration.
    """
    low, high, context = _LLAMA3.values()
    wavelengths = 2 * math.pi * base ** (np.arange(len(factors)) / len(factors))
    smooth = np.clip((context / wavelengths - low) / (high - low), 0.0, 1.0)
    return np.asarray(1 / ((1 - smooth) / factors.max() + smooth))
