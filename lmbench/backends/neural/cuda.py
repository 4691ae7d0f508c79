"""Whether options may ask for CUDA."""

from __future__ import annotations


def has_cuda() -> bool:
    """Return whether this machine has a CUDA device."""
    import torch  # not at the top: it takes seconds, and most options do not ask for a device

    return torch.cuda.is_available()
