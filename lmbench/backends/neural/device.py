"""The device that a network runs on, the precision of its products, and what makes its numbers repeatable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def use_threads(number: int) -> Iterator[None]:
    """Let torch use this many threads of the CPU, and restore their number afterwards.

    With more of them, some sums are added in another order, and training ends with other weights.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seed_torch(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's random numbers, and let a GPU add in a fixed order if torch can; restore both afterwards."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(before[0] or device.type == "cuda", warn_only=before[1] or not before[0])
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 products run in hardware; they are slower than float32 if they are emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older versions of torch
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
