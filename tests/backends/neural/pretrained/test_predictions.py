"""Whole distributions over a document's tokens against transformers' own logits."""

import numpy as np
import pytest
import torch
from transformers import Gemma2Config, GPT2LMHeadModel, LlamaConfig
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from lmbench import build
from lmbench.analysis.divergence import compare_distributions
from lmbench.backends.neural.pretrained.causal_network import CausalNetwork
from lmbench.prediction import follow, predict
from tests.checkpoints import BOS, byte_level, gpt2, save

pytestmark = pytest.mark.usefixtures("one_thread")

LONG = "the cat sat on the mat, and the dog sat on the log. " * 8
SIZES = {
    "vocab_size": 300,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "pad_token_id": None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = byte_level()
    path = tmp_path_factory.mktemp("gpt2")
    return save(path, gpt2(tokenizer.get_vocab_size() + 3), tokenizer, bos_token=BOS, eos_token=BOS)


@pytest.mark.parametrize("bos", ["first", "none"])
@pytest.mark.parametrize("text", ["", "the cat", LONG])
def test_predictions_are_what_is_scored(folder, text, bos):
    model = build(f"hf:{folder},context=32,stride=16,bos={bos}")
    (score,) = model.score([text])
    predictions = list(predict(model, text))
    assert [prediction.end for prediction in predictions] == score.ends.tolist()
    given = [prediction.following.logprobs[prediction.event] for prediction in predictions]
    assert given == pytest.approx(score.logprobs.tolist(), abs=1e-4)
    if text:
        following = model.next_events("")
        assert predictions[0].following.names == following.names
        assert predictions[0].following.logprobs == pytest.approx(following.logprobs, abs=1e-4)


def test_predictions_are_the_librarys_log_softmax(folder):
    model, text = build(f"hf:{folder}"), "the cat sat on 我\n"
    with torch.inference_mode():
        events = [prediction.event for prediction in predict(model, text)]
        library = GPT2LMHeadModel.from_pretrained(folder).eval()
        expected = library(torch.tensor([[0, *events]])).logits[0].double().log_softmax(-1).numpy()
    found = np.stack([prediction.following.logprobs for prediction in predict(model, text)])
    np.testing.assert_allclose(found, expected[:-1], atol=1e-4)


def test_the_token_after_a_document_is_the_librarys(folder):
    model, text = build(f"hf:{folder}"), "the cat sat on 我"
    [score] = model.score([text])
    network, passes = model._load_scorer().network.model, []
    network.register_forward_hook(lambda *_: passes.append(1))
    network.base_model.register_forward_hook(lambda *_: passes.append(1))
    *before, last = follow(model, text, score)
    assert len(passes) == 1
    with torch.inference_mode():
        library = GPT2LMHeadModel.from_pretrained(folder).eval()
        logits = library(torch.tensor([[0, *(place.event for place in before)]])).logits[0, -1]
    assert last.event is None
    np.testing.assert_allclose(last.state.next_events().logprobs, logits.double().log_softmax(-1).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SIZES),
        Gemma2Config(**SIZES, num_key_value_heads=1, head_dim=8, final_logit_softcapping=0.5, initializer_range=1.0),
    ],
    ids=["product", "own head"],
)
@pytest.mark.parametrize("has_head", [True, False])
def test_logits_of_any_head(config, has_head):
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config).eval()
    network = CausalNetwork.prepare(model, 64)
    network = network if has_head else CausalNetwork(network.model, network.rows, None, network.budget)
    ids = np.arange(20)[None]
    with torch.inference_mode():
        expected = model(torch.from_numpy(ids)).logits[0, 5:].numpy()
    found = np.stack([logits.numpy() for logits in network.logits(ids, 5)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_rounded_model_is_near_its_original(folder):
    original, rounded = build(f"hf:{folder}"), build(f"hf:{folder},dtype=bfloat16")
    found = compare_distributions(rounded, original, [LONG])
    assert 0 < found.nats.mean() < 0.01
    assert 0 < found.root_mean_square < 0.05
    assert found.agreement > 0.9
