"""Numbers that are out of proportion to the weights are refused before memory is allocated."""

import json
import struct
import time

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from lmbench import build
from lmbench.backends.neural.pretrained.model_files import ModelFiles, UnusableFileError
from lmbench.backends.neural.pretrained.size_check import (
    check_counts,
    check_growth,
    check_network,
    check_token_ids,
    read_shapes,
)
from lmbench.errors import UnavailableError
from tests.checkpoints import gpt2

pytestmark = pytest.mark.usefixtures("one_thread")


def change(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layer": 10**6}, r"config\.json sets n_layer to 1000000, but the weights hold 28 tensors$"),
        ({"n_layer": 10**400}, r"config\.json sets n_layer to 10{19}…, but the weights hold 28 tensors$"),
        ({"n_layer": -1}, r"config\.json sets n_layer to -1, which is not a number of parts$"),
        ({"num_labels": 10**9}, r"config\.json sets num_labels to 1000000000, but the weights"),
        ({"n_positions": 10**9}, r"config\.json sets n_positions to 1000000000; at most 16,777,216 are supported$"),
        (
            {"n_positions": 10**6},
            r"transformer\.wpe\.weight has shape \(1000000, 32\), but the weights have \(64, 32\)$",
        ),
        (
            {"vocab_size": 10**9},
            r"config\.json describes a network of [\d,]+ numbers, but the weights have [\d,]+ bytes$",
        ),
        ({"n_embd": 10**6}, r"config\.json describes a network of "),
        ({"vocab_size": 0}, r"transformer\.wte\.weight has shape \(0, 32\), but the weights have \(284, 32\)$"),
        ({"model_type": "gpt_neo", "attention_types": [[["global"], 10**9]]}, r"config\.json sets attention_types to"),
    ],
    ids=str,
)
def test_absurd_configurations_are_refused_at_once(folder, changes, message):
    change(folder, **changes)
    start = time.process_time()
    with pytest.raises(UnavailableError, match=message):
        build(f"hf:{folder}").score(["x"])
    assert time.process_time() - start < 20


@pytest.mark.parametrize("size", [1 << 60, 1 << 63, (1 << 64) - 1])
def test_a_header_that_claims_too_many_bytes_is_refused(folder, size):
    weights = folder / "model.safetensors"
    weights.write_bytes(struct.pack("<Q", size) + weights.read_bytes()[8:])
    with pytest.raises(UnavailableError, match=r": model\.safetensors is damaged: "):
        build(f"hf:{folder}").score(["x"])


def test_shapes_are_read_from_headers(original):
    shapes = read_shapes([original / "model.safetensors"])
    assert shapes == {name: tuple(tensor.shape) for name, tensor in gpt2(284).state_dict().items() if name in shapes}
    assert shapes["transformer.wpe.weight"] == (64, 32)


def test_an_ordinary_configuration_passes(original):
    files = ModelFiles.check(original)
    check_counts(files.config, 10)
    with torch.device("meta"):
        check_network(GPT2LMHeadModel(GPT2Config.from_pretrained(original)), files.disk_bytes, itemsize=4)


def test_a_network_larger_than_memory_is_refused(original):
    files = ModelFiles.check(original)
    with torch.device("meta"):
        network = GPT2LMHeadModel(GPT2Config.from_pretrained(original))
    check_network(network, files.disk_bytes, itemsize=0)
    with pytest.raises(UnusableFileError, match=r"^its weights take [\d,]+ GiB, but [\d,]+ GiB of memory can be used$"):
        check_network(network, files.disk_bytes, itemsize=1 << 40)


@pytest.mark.parametrize("number", [4294967295, 2_000_000_000])
def test_a_token_id_far_above_the_others_is_refused(folder, number):
    stored = json.loads((folder / "tokenizer.json").read_text())
    stored["model"]["vocab"]["a"] = number
    (folder / "tokenizer.json").write_text(json.dumps(stored))
    with pytest.raises(UnavailableError, match=rf"its tokenizer gives 'a' the id {number:,}, but has 284 tokens$"):
        build(f"hf:{folder}").score(["x"])


def test_ids_with_gaps_are_allowed():
    check_token_ids({"a": 0, "b": 70_000})
    with pytest.raises(UnusableFileError, match="does not have any tokens"):
        check_token_ids({})


def test_replacements_that_multiply_a_text_are_refused(folder):
    replace = {"type": "Replace", "pattern": {"String": "t"}, "content": "tttttttt"}
    stored = json.loads((folder / "tokenizer.json").read_text())
    stored["normalizer"] = {"type": "Sequence", "normalizers": [replace] * 10}
    (folder / "tokenizer.json").write_text(json.dumps(stored))
    with pytest.raises(
        UnavailableError, match=r"the replacements in tokenizer\.json make a text thousands of times as long"
    ):
        build(f"hf:{folder}").score(["t"])
    check_growth({"normalizer": {"type": "Replace", "content": "▁"}, "decoder": {"type": "Prepend", "prepend": "▁"}})


@pytest.mark.parametrize("value", ["long", -5, 0, None, [3]])
def test_an_impossible_length_of_the_tokenizer_is_refused(folder, value):
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": value}))
    if value is None:  # the library takes it as unlimited
        build(f"hf:{folder}").score(["x"])
        return
    with pytest.raises(UnavailableError, match=r"its tokenizer's model_max_length is .*, not a number of tokens$"):
        build(f"hf:{folder}").score(["x"])
