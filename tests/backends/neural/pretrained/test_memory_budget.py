"""How many tokens and targets fit in memory, by hand."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from lmbench.backends.neural.pretrained.memory_budget import MemoryBudget


def test_half_of_the_memory_holds_logits_of_12_bytes():
    assert MemoryBudget(1).targets(1000) == 2**19 // 12 // 1000
    assert MemoryBudget(1).targets(10**9) == 1


@pytest.mark.parametrize(("mebibytes", "columns"), [(1, 8192), (512, 8192)])
def test_columns_are_limited(mebibytes, columns):
    assert MemoryBudget(mebibytes).columns == columns


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_half_of_the_memory_holds_16_widths_per_token_of_gpt2(dtype, size):
    """8 vectors of the width, and 2 of four times the width."""
    model = GPT2LMHeadModel(GPT2Config(vocab_size=7, n_embd=32, n_layer=1, n_head=2, n_positions=8)).to(dtype)
    assert MemoryBudget(3).tokens(model) == 3 * 2**19 // (16 * 32 * size)
