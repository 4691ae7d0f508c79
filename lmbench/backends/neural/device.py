"""The device that a network runs on, and the precision of its products."""

from __future__ import annotations

from typing import Any

import torch


def select_device(option: str) -> torch.device:
    """Return the device that an option asks for.

    Args:
        option: ``cpu``, ``cuda``, or ``auto`` for CUDA if this machine has it.
    """
    return torch.device("cuda" if option != "cpu" and torch.cuda.is_available() else "cpu")


def select_precision(option: str, device: torch.device) -> torch.dtype:
    """Return the type of matrix products in training.

    Args:
        option: ``float32``, ``bfloat16``, or ``auto`` for bfloat16 if the device multiplies it in hardware.
        device: The device that trains.
    """
    is_half = _multiplies_bfloat16(device) if option == "auto" else option == "bfloat16"
    return torch.bfloat16 if is_half else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 products run in hardware; they are slower than float32 if they are emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older versions of torch
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
