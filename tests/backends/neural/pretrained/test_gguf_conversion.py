import json
import re
import shutil
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from safetensors import SafetensorError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmbench import build
from lmbench.backends.neural.pretrained import gguf_conversion
from lmbench.converted import ConvertedModels
from lmbench.errors import UnavailableError
from tests.checkpoints import BOS, byte_level
from tests.gguf import tiny_llama, write_gguf
from tests.recording import Recorded

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = "the cat sat on the mat 2024."


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(path):
    model, progress = build(f"hf:{path}"), Recorded()
    model.load(progress)
    return model, progress


def refusal(path):
    with pytest.raises(UnavailableError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def quantized(network, kind):
    """Return the network with the numbers that a kind of storage keeps."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 2:
                stored = gguf.quantize(parameter.numpy(), GGMLQuantizationType[kind])
                parameter.copy_(torch.from_numpy(gguf.dequantize(stored, GGMLQuantizationType[kind]).copy()))
    return network


def logprobs(network, tokenizer, text):
    ids = [0, *tokenizer.encode(text, add_special_tokens=False).ids]
    with torch.inference_mode():
        rows = network(torch.tensor([ids])).logits[0].log_softmax(-1)
    return rows[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].numpy()


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_1"])
def test_scores_are_those_of_the_network_that_was_written(tmp_path, kind):
    tokenizer = byte_level()
    write_gguf(tmp_path / "tiny.gguf", tokenizer=tokenizer, kind=kind)
    model, _ = load(tmp_path / "tiny.gguf")
    [score] = model.score([TEXT])
    network = quantized(tiny_llama(tokenizer.get_vocab_size()), kind)
    np.testing.assert_allclose(score.logprobs, logprobs(network, tokenizer, TEXT), atol=1e-4)
    assert f"|quantization:{'F32' if kind == 'F32' else kind + '+F32'}|" in str(model.signature())
    assert model.footprint().disk_bytes == (tmp_path / "tiny.gguf").stat().st_size


def test_llama_3_scales_positions(tmp_path):
    """The file says so by a tensor alone; the network computes the same from its configuration."""
    tokenizer, positions = byte_level(), {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0}
    positions |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    network = tiny_llama(tokenizer.get_vocab_size(), rope_parameters=positions, max_position_embeddings=1 << 14)
    plain = 500_000.0 ** -(torch.arange(8) / 8)
    factors = (plain / network.model.rotary_emb.inv_freq).numpy().astype(np.float32)
    assert [factors.min(), factors.max()] == pytest.approx([1, 8])
    write_gguf(tmp_path / "tiny.gguf", network, tokenizer, tensors={"rope_freqs.weight": factors})
    text = TEXT * 2
    [score] = load(tmp_path / "tiny.gguf")[0].score([text])
    np.testing.assert_allclose(score.logprobs, logprobs(network, tokenizer, text), atol=1e-4)
    write_gguf(tmp_path / "other.gguf", network, tokenizer, tensors={"rope_freqs.weight": factors + np.arange(8)})
    assert "it scales positions (rope_freqs.weight), which" in refusal(tmp_path / "other.gguf")


def test_a_file_is_converted_once_and_again_if_the_result_is_damaged(tmp_path, cache):
    write_gguf(tmp_path / "tiny.gguf")
    model, first = load(tmp_path / "tiny.gguf")
    _, second = load(tmp_path / "tiny.gguf")
    assert [line.partition(" once")[0] for line in first.notices] == ["converting tiny.gguf"]
    assert second.notices == []
    [stored] = ConvertedModels().list_models()
    weights = cache / "converted" / stored.key / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()  # the first model reads its weights from there
    weights.write_bytes(data)
    again, third = load(tmp_path / "tiny.gguf")
    assert len(third.notices) == 1
    assert again.score([TEXT])[0].logprobs.tolist() == model.score([TEXT])[0].logprobs.tolist()


def unwritable(cache, reason):
    return f"'tiny.gguf' cannot be converted in {cache}/converted: {reason}; LMBENCH_CACHE=FOLDER names another cache"


def test_a_disk_without_space_is_the_fault_of_the_cache(tmp_path, cache, monkeypatch):
    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(gguf_conversion.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    size = (tmp_path / "tiny.gguf").stat().st_size
    assert refusal(tmp_path / "tiny.gguf") == unwritable(cache, f"it takes {2 * size / 1e6:.0f} MB, and 0 MB are free")


@pytest.mark.parametrize(
    ("writer", "error"), [(PreTrainedModel, SafetensorError), (PreTrainedTokenizerBase, Exception)]
)
def test_a_disk_that_becomes_full_is_the_fault_of_the_cache(tmp_path, cache, monkeypatch, writer, error):
    def fail(*_, **__):
        raise error("No space left on device (os error 28)")

    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(writer, "save_pretrained", fail)
    assert refusal(tmp_path / "tiny.gguf") == unwritable(cache, "No space left on device (os error 28)")


def test_a_file_with_a_changed_byte_in_its_weights_is_another_model(tmp_path):
    write_gguf(tmp_path / "a.gguf")
    data = (tmp_path / "a.gguf").read_bytes()
    (tmp_path / "b.gguf").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    one, other = (str(load(tmp_path / name)[0].signature()).split("|") for name in ("a.gguf", "b.gguf"))
    assert [part.partition(":")[0] for part, its in zip(one, other, strict=True) if part != its] == [
        "model", "revision",
    ]  # fmt: skip


def test_a_file_that_changes_after_loading_is_refused(tmp_path):
    write_gguf(tmp_path / "tiny.gguf")
    model, _ = load(tmp_path / "tiny.gguf")
    write_gguf(tmp_path / "tiny.gguf", kind="F16")
    with pytest.raises(UnavailableError, match="has changed since the model was loaded"):
        model.signature()


def test_a_folder_with_one_file_is_that_file(tmp_path):
    write_gguf(tmp_path / "tiny.gguf")
    model, _ = load(tmp_path / "tiny.gguf")
    (tmp_path / "folder").mkdir()
    shutil.copy(tmp_path / "tiny.gguf", tmp_path / "folder")
    folder, _ = load(tmp_path / "folder")
    assert folder.score([TEXT])[0].logprobs.tolist() == model.score([TEXT])[0].logprobs.tolist()
    shutil.copy(tmp_path / "tiny.gguf", tmp_path / "folder" / "other.gguf")
    assert refusal(tmp_path / "folder").endswith("it contains 2 GGUF files; name one, as in hf:FOLDER/other.gguf")


def test_the_models_own_tokenizer_beside_the_file_is_compared_and_used(tmp_path):
    """It keeps digits together, which the rule in the file separates."""
    own = byte_level()
    write_gguf(tmp_path / "tiny.gguf", tokenizer=own, rule="smollm")
    merged = json.loads(own.to_str())
    merged["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps(merged))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": BOS, "eos_token": BOS}))
    model, _ = load(tmp_path)
    assert " tokenizer=" in str(model.signature())
    assert len(model.score([TEXT])) == 1
    vocabulary = merged["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(merged))
    assert "tokenizer.json beside it is another model's: it names the token" in refusal(tmp_path)


def test_the_rule_that_divides_texts_is_that_of_the_file(tmp_path):
    """SmolLM2's rule takes digits one by one, as its own tokenizer does; transformers takes GPT-2's."""
    own = Tokenizer(models.BPE(*_merging_digits()))
    own.decoder = decoders.ByteLevel()
    own.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    own.add_special_tokens([BOS])
    write_gguf(tmp_path / "smollm.gguf", tokenizer=own, rule="smollm")
    write_gguf(tmp_path / "gpt2.gguf", tokenizer=own, rule="gpt-2")
    digits, together = (load(tmp_path / name)[0].score(["a 1212"])[0].ends for name in ("smollm.gguf", "gpt2.gguf"))
    assert digits.tolist() == [1, 2, 3, 4, 5, 6]
    assert together.tolist() == [1, 2, 4, 6]


def _merging_digits():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {token: i for i, token in enumerate([*alphabet, "12"])}, [("1", "2")]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rule": "no-such-rule"}, "it divides texts by the rule 'no-such-rule', which is not known"),
        ({"general__architecture": "nonsense"}, "nonsense"),
        ({"llama__embedding_length": 1 << 30}, "config.json describes a network of"),
        ({"llama__feed_forward_length": 64}, r"."),
        ({"llama__rope__scaling__type": "yarn"}, r"it scales positions \(yarn\), which transformers does not read"),
        ({"tokenizer__ggml__model": "rwkv"}, "rwkv"),
        ({"tokenizer__ggml__merges": ["a b c", "zz"]}, r"."),
        ({"llama__block_count": 1}, "it holds [0-9,]+ numbers, but transformers' network for it has"),
        ({"llama__block_count": 3}, "it lacks the weights of model.layers.2"),
    ],
)
def test_files_that_would_be_read_wrongly_are_refused_in_one_line(tmp_path, cache, values, message):
    path = tmp_path / "tiny.gguf"
    write_gguf(path, **values)
    found = refusal(path)
    assert found.startswith(f"'{path}' cannot be loaded: ")
    assert re.search(message, found)
    assert ConvertedModels().list_models() == []
    assert [left.name for left in (cache / "converted").iterdir() if left.suffix != ".lock"] == []


def test_a_file_that_is_not_a_gguf_file_is_refused(tmp_path):
    (tmp_path / "text.gguf").write_text("not a model")
    assert refusal(tmp_path / "text.gguf") == f"'{tmp_path / 'text.gguf'}' cannot be loaded: it is not a GGUF file"
