"""Devices and precisions: what each option selects, on machines with and without a GPU."""

from contextlib import nullcontext

import pytest
import torch

from lmbench.backends.neural.device import seed_torch, select_device, select_precision, use_threads

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("option", "available", "device"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cuda", True, "cuda"), ("cpu", True, "cpu")],
)
def test_auto_is_the_gpu_if_there_is_one(monkeypatch, option, available, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert select_device(option).type == device


@pytest.mark.parametrize("option", ["float32", "bfloat16"])
@pytest.mark.parametrize("device", [CPU, CUDA])
def test_a_named_precision_is_used_on_any_device(option, device):
    assert select_precision(option, device) == getattr(torch, option)


@pytest.mark.parametrize("supported", [True, False])
def test_auto_is_bfloat16_if_the_gpu_multiplies_it_in_hardware(monkeypatch, supported):
    def is_supported(including_emulation):
        return including_emulation or supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert select_precision("auto", CUDA) == (torch.bfloat16 if supported else torch.float32)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_is_bfloat16_if_the_cpu_multiplies_it_in_hardware(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert select_precision("auto", CPU) == precision


def test_auto_is_float32_if_torch_does_not_know_the_cpus_capabilities(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert select_precision("auto", CPU) == torch.float32


def test_the_number_of_threads_is_restored_even_after_an_error():
    before = torch.get_num_threads()
    with use_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with pytest.raises(ZeroDivisionError), use_threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_seeding_restores_the_random_numbers():
    state = torch.random.get_rng_state()
    draws = []
    for seed in (3, 3, 4):
        with seed_torch(CPU, seed):
            draws.append(torch.rand(1).item())
    assert draws[0] == draws[1] != draws[2]
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("enabled", "warn_only"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("device", [CPU, CUDA])
def test_only_a_gpu_needs_algorithms_that_add_in_a_fixed_order(monkeypatch, device, enabled, warn_only):
    """A caller who wants errors from other algorithms still gets them."""
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)
    torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
    try:
        with seed_torch(device, 0):
            assert torch.are_deterministic_algorithms_enabled() == (enabled or device is CUDA)
            assert torch.is_deterministic_algorithms_warn_only_enabled() == (warn_only or not enabled)
        assert torch.are_deterministic_algorithms_enabled() == enabled
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warn_only
    finally:
        torch.use_deterministic_algorithms(False)
