"""Devices and precisions: what each option selects, on machines with and without a GPU."""

import pytest
import torch

from lmbench.backends.neural.device import select_device, select_precision

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
