"""Log-probabilities of targets against a log-softmax of the model's whole logits, for many kinds of networks."""

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

from lmbench.backends.neural.pretrained.causal_head import ModelHead, ProductHead
from lmbench.backends.neural.pretrained.causal_network import CausalNetwork

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = 20_000  # more columns than a head computes at once
SIZES = {"vocab_size": ROWS, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
MORE = SIZES | {"intermediate_size": 32, "max_position_embeddings": 128, "pad_token_id": None}
GPT2 = {"vocab_size": ROWS, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 128, "initializer_range": 0.5}
PRODUCTS = {
    "gpt2": GPT2Config(**GPT2),
    "gpt2, another activation": GPT2Config(**GPT2, activation_function="relu"),
    "llama": LlamaConfig(**MORE),
    "neox": GPTNeoXConfig(**MORE),
    "opt": OPTConfig(**SIZES, ffn_dim=32, word_embed_proj_dim=16),
    "bloom": BloomConfig(vocab_size=ROWS, hidden_size=16, n_layer=1, n_head=2),
    "mamba": MambaConfig(vocab_size=ROWS, hidden_size=16, num_hidden_layers=1, state_size=4),
}
GEMMA2 = MORE | {"num_key_value_heads": 1, "head_dim": 8}
OTHERS = {
    "gemma2": Gemma2Config(**GEMMA2, final_logit_softcapping=0.5, initializer_range=1.0),
    "gemma2, too small to show its bound": Gemma2Config(
        **GEMMA2, final_logit_softcapping=30.0, initializer_range=0.002
    ),
    "cohere": CohereConfig(**MORE, logit_scale=0.0625),
    "granite": GraniteConfig(**MORE, logits_scaling=8.0),
}


def random_model(config):
    torch.manual_seed(7)
    return AutoModelForCausalLM.from_config(config).eval()


def random_windows(rows=3, time=40):
    """Return windows of random ids and their targets: all of the first row's, the last of the others'."""
    generator = np.random.default_rng(7)
    inputs, targets = generator.integers(0, ROWS, (2, rows, time))
    targets[1, :20] = -1
    targets[2, :5] = targets[2, 30:] = -1  # padding follows
    return inputs, targets


def expected_logprobs(model, inputs, targets):
    with torch.inference_mode():
        table = model(torch.from_numpy(inputs)).logits.double().log_softmax(-1).numpy()
    return np.concatenate([
        [table[row, place, target] for place, target in enumerate(line) if target >= 0]
        for row, line in enumerate(targets.tolist())
    ])  # fmt: skip


class LargestTensor(TorchDispatchMode):
    """Records the size of the largest tensor that a block of code creates."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        places = {arg.untyped_storage().data_ptr() for arg in args if isinstance(arg, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in places:  # not a view
            self.numbers = max(self.numbers, out.numel())
        return out


@pytest.mark.parametrize("memory", [1, 512])
@pytest.mark.parametrize("kind", [*PRODUCTS, *OTHERS])
def test_targets_have_the_librarys_log_probabilities_within_the_memory(kind, memory):
    model = random_model((PRODUCTS | OTHERS)[kind])
    inputs, targets = random_windows()
    truth = expected_logprobs(copy.deepcopy(model), inputs, targets)
    network = CausalNetwork.prepare(model, memory)
    assert isinstance(network.head, ProductHead if kind in PRODUCTS else ModelHead)
    with LargestTensor() as largest:
        logprobs = network.logprobs(inputs, targets)
    np.testing.assert_allclose(logprobs, truth, atol=1e-4)
    if memory == 1:
        assert largest.numbers <= 2**19 // 12 < targets.shape[1] * ROWS  # less than the logits of one window


@pytest.mark.parametrize("kind", ["llama", "mamba"])  # Mamba's trunk returns float32 states for any weights
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_rounds_only_as_its_own_logits_do(dtype, kind):
    model = random_model(PRODUCTS[kind]).to(dtype)
    inputs, targets = random_windows()
    logprobs = CausalNetwork.prepare(model, 512).logprobs(inputs, targets)
    np.testing.assert_allclose(logprobs, expected_logprobs(model, inputs, targets), atol=1e-4)


def test_gelu_in_one_pass_is_rounded_less_often_than_in_eight():
    model = random_model(PRODUCTS["gpt2"]).to(torch.bfloat16)
    inputs, targets = random_windows()
    truth = expected_logprobs(copy.deepcopy(model).float(), inputs, targets)
    one_pass = CausalNetwork.prepare(copy.deepcopy(model), 512).logprobs(inputs, targets)
    eight_passes = expected_logprobs(model, inputs, targets)
    assert 0 < np.abs(one_pass - truth).mean() <= 1.1 * np.abs(eight_passes - truth).mean()


def test_an_output_that_is_narrower_than_the_states():
    model = random_model(
        ElectraConfig(
            vocab_size=ROWS, hidden_size=16, embedding_size=8, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, is_decoder=True,
        )
    )  # fmt: skip
    inputs, targets = random_windows()
    network = CausalNetwork.prepare(model, 512)
    assert not isinstance(network.head, ProductHead)
    np.testing.assert_allclose(network.logprobs(inputs, targets), expected_logprobs(model, inputs, targets), atol=1e-4)


def test_a_model_that_hides_its_states_reads_no_more_at_once_than_its_logits_allow(monkeypatch):
    model = random_model(PRODUCTS["gpt2"])
    monkeypatch.setattr(type(model), "base_model_prefix", "no such part")  # its base_model is the model itself
    inputs, targets = random_windows()
    network = CausalNetwork.prepare(model, 1)
    assert network.head is None
    assert network.window_tokens == 2**19 // 12 // ROWS < network.budget.tokens(model)
    np.testing.assert_allclose(network.logprobs(inputs, targets), expected_logprobs(model, inputs, targets), atol=1e-4)


def test_bias_and_rows_that_are_not_a_multiple_of_the_columns():
    model = random_model(PRODUCTS["gpt2"])
    head = torch.nn.Linear(16, ROWS)
    with torch.no_grad():
        head.bias.normal_()
    model.set_output_embeddings(head)
    inputs, targets = random_windows()
    targets[0, :4] = [0, 8191, 8192, ROWS - 1]
    network = CausalNetwork.prepare(model, 512)
    assert isinstance(network.head, ProductHead)
    np.testing.assert_allclose(network.logprobs(inputs, targets), expected_logprobs(model, inputs, targets), atol=1e-4)


def test_probabilities_of_all_events_sum_to_one():
    network = CausalNetwork.prepare(random_model(PRODUCTS["gpt2"]), 512)
    inputs, targets = np.full((ROWS, 2), 3), np.full((ROWS, 2), -1)
    targets[:, 1] = np.arange(ROWS)
    assert np.exp(network.logprobs(inputs, targets)).sum() == pytest.approx(1, abs=1e-5)


def test_scoring_with_the_models_own_head_leaves_the_model_unchanged():
    model = random_model(OTHERS["gemma2"])
    inputs, targets = random_windows()
    before = expected_logprobs(model, inputs, targets)
    CausalNetwork.prepare(model, 512).logprobs(inputs, targets)
    assert "forward" not in vars(model.base_model)
    np.testing.assert_array_equal(expected_logprobs(model, inputs, targets), before)


def test_a_cpu_scores_batches_of_a_size_that_keeps_it_busy():
    network = CausalNetwork.prepare(random_model(PRODUCTS["gpt2"]), 512)
    assert network.batch_tokens == 1024 < network.budget.tokens(network.model)
