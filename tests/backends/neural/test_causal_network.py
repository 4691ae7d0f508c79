"""Log-probabilities of targets against a log-softmax of the model's whole logits, for networks of many kinds."""

import copy

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    BloomConfig,
    CohereConfig,
    ElectraConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    LlamaConfig,
    MambaConfig,
    OPTConfig,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from lmbench.backends.neural.causal_network import CausalNetwork

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = 20_000  # some columns at a time, and more than the first
SIZES = {"vocab_size": ROWS, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
MORE = SIZES | {"intermediate_size": 32, "max_position_embeddings": 128, "pad_token_id": None}
PRODUCTS = {
    "gpt2": GPT2Config(vocab_size=ROWS, n_embd=16, n_layer=1, n_head=2, n_positions=128, initializer_range=0.5),
    "gpt2, another activation": GPT2Config(
        vocab_size=ROWS,
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=128,
        initializer_range=0.5,
        activation_function="relu",
    ),
    "llama": LlamaConfig(**MORE),
    "neox": GPTNeoXConfig(**MORE),
    "opt": OPTConfig(
        vocab_size=ROWS, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=32, word_embed_proj_dim=16
    ),
    "bloom": BloomConfig(vocab_size=ROWS, hidden_size=16, n_layer=1, n_head=2),
    "mamba": MambaConfig(vocab_size=ROWS, hidden_size=16, num_hidden_layers=1, state_size=4),
}
OTHERS = {
    "gemma2": Gemma2Config(
        **MORE, num_key_value_heads=1, head_dim=8, final_logit_softcapping=0.5, initializer_range=1.0
    ),
    "gemma2, too small to show its bound": Gemma2Config(
        **MORE, num_key_value_heads=1, head_dim=8, final_logit_softcapping=30.0, initializer_range=0.002
    ),
    "cohere": CohereConfig(**MORE, logit_scale=0.0625),
    "granite": GraniteConfig(**MORE, logits_scaling=8.0),
}


def library(config):
    torch.manual_seed(7)
    return AutoModelForCausalLM.from_config(config).eval()


def given(rows=3, time=40):
    """Windows of random ids, and targets: the first row's all, the others' some at their ends, padding behind them."""
    generator = np.random.default_rng(7)
    inputs, targets = generator.integers(0, ROWS, (2, rows, time))
    targets[1, :20] = -1
    targets[2, :5] = targets[2, 30:] = -1
    return inputs, targets


def expected(model, inputs, targets):
    with torch.inference_mode():
        table = model(torch.from_numpy(inputs)).logits.double().log_softmax(-1).numpy()
    return np.concatenate([
        [table[row, place, target] for place, target in enumerate(line) if target >= 0]
        for row, line in enumerate(targets.tolist())
    ])  # fmt: skip


class Widest(TorchDispatchMode):
    """The most numbers in a tensor that a block of code makes."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        places = {arg.untyped_storage().data_ptr() for arg in args if isinstance(arg, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in places:  # no view of another
            self.numbers = max(self.numbers, out.numel())
        return out


@pytest.mark.parametrize("memory", [1, 512])
@pytest.mark.parametrize("kind", [*PRODUCTS, *OTHERS])
def test_targets_have_the_librarys_log_probabilities_within_the_memory(kind, memory):
    model = library((PRODUCTS | OTHERS)[kind])
    inputs, targets = given()
    truth = expected(copy.deepcopy(model), inputs, targets)
    network = CausalNetwork(model, memory)
    assert network._shows_states
    assert network._is_product == (kind in PRODUCTS)
    with Widest() as widest:
        logprobs = network.logprobs(inputs, targets)
    np.testing.assert_allclose(logprobs, truth, atol=1e-4)
    if memory == 1:
        assert widest.numbers <= 2**19 // 12 < targets.shape[1] * ROWS  # not even the logits of one window


@pytest.mark.parametrize("kind", ["llama", "mamba"])  # Mamba's trunk gives float32 states whatever its weights are
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_has_its_own_logits_rounding_and_no_more(dtype, kind):
    model = library(PRODUCTS[kind]).to(dtype)
    inputs, targets = given()
    np.testing.assert_allclose(
        CausalNetwork(model, 512).logprobs(inputs, targets), expected(model, inputs, targets), atol=1e-4
    )


def test_gelu_in_one_pass_is_rounded_less_often_than_in_eight():
    model = library(PRODUCTS["gpt2"]).to(torch.bfloat16)
    inputs, targets = given()
    truth = expected(copy.deepcopy(model).float(), inputs, targets)
    own, eight = CausalNetwork(copy.deepcopy(model), 512).logprobs(inputs, targets), expected(model, inputs, targets)
    assert 0 < np.abs(own - truth).mean() <= 1.1 * np.abs(eight - truth).mean()


def test_an_output_that_is_narrower_than_the_states():
    model = library(
        ElectraConfig(
            vocab_size=ROWS, hidden_size=16, embedding_size=8, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, is_decoder=True,
        )
    )  # fmt: skip
    inputs, targets = given()
    network = CausalNetwork(model, 512)
    assert not network._is_product
    np.testing.assert_allclose(network.logprobs(inputs, targets), expected(model, inputs, targets), atol=1e-4)


def test_a_model_that_hides_its_states_reads_no_more_at_once_than_its_logits_allow(monkeypatch):
    model = library(PRODUCTS["gpt2"])
    monkeypatch.setattr(type(model), "base_model_prefix", "no such part")  # its base_model is the model itself
    inputs, targets = given()
    network = CausalNetwork(model, 1)
    assert not network._shows_states
    assert network.window_tokens == 2**19 // 12 // ROWS < network.tokens_at_once
    np.testing.assert_allclose(network.logprobs(inputs, targets), expected(model, inputs, targets), atol=1e-4)


def test_bias_and_rows_that_are_no_multiple_of_the_columns():
    model = library(PRODUCTS["gpt2"])
    head = torch.nn.Linear(16, ROWS)
    with torch.no_grad():
        head.bias.normal_()
    model.set_output_embeddings(head)
    inputs, targets = given()
    targets[0, :4] = [0, 8191, 8192, ROWS - 1]
    network = CausalNetwork(model, 512)
    assert network._is_product
    np.testing.assert_allclose(network.logprobs(inputs, targets), expected(model, inputs, targets), atol=1e-4)


def test_probabilities_of_all_events_sum_to_one():
    network = CausalNetwork(library(PRODUCTS["gpt2"]), 512)
    inputs, targets = np.full((ROWS, 2), 3), np.full((ROWS, 2), -1)
    targets[:, 1] = np.arange(ROWS)
    assert np.exp(network.logprobs(inputs, targets)).sum() == pytest.approx(1, abs=1e-5)


def test_the_model_is_as_it_was_where_its_trunk_was_told_what_to_give():
    model = library(OTHERS["gemma2"])
    inputs, targets = given()
    before = expected(model, inputs, targets)
    CausalNetwork(model, 512).logprobs(inputs, targets)
    assert "forward" not in vars(model.base_model)
    np.testing.assert_array_equal(expected(model, inputs, targets), before)


def test_a_cpu_scores_batches_of_a_size_that_keeps_it_busy():
    network = CausalNetwork(library(PRODUCTS["gpt2"]), 512)
    assert network.batch_tokens == 1024 < network.tokens_at_once
