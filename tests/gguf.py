"""Tiny models in GGUF files, written by the package gguf as llama.cpp's converter does."""

import json

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType
from transformers import LlamaConfig, LlamaForCausalLM

from tests.checkpoints import BOS, byte_level

CONTROL, NORMAL = 3, 1


def tiny_llama(rows, **other):
    """Return a network whose rows are long enough for blocks of 32 numbers."""
    torch.manual_seed(7)
    other = {"max_position_embeddings": 64} | other
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=rows, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0, **other,
    )).eval()  # fmt: skip


def write_gguf(path, network=None, tokenizer=None, kind="F32", rule="gpt-2", tensors=None, **other):
    """Write a GGUF file, and return the network whose weights it holds.

    Args:
        path: The file.
        network: A Llama network; by default a tiny one.
        tokenizer: A byte-level tokenizer; by default a small one.
        kind: How the weights of the layers are stored; norms are float32.
        rule: The rule that divides texts.
        tensors: More tensors, in float32, by name.
        other: Values of more keys, with ``__`` for their points; None leaves a key out.
    """
    tokenizer = tokenizer or byte_level()
    network = network or tiny_llama(tokenizer.get_vocab_size())
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in _describe(network.config, tokenizer, rule).items():
        if other.get(key.replace(".", "__"), value) is not None:
            _add(writer, key, other.pop(key.replace(".", "__"), value))
    for key, value in other.items():
        if value is not None:
            _add(writer, key.replace("__", "."), value)
    for name, tensor in _named(network):
        stored = GGMLQuantizationType[kind] if tensor.ndim == 2 else GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(tensor, stored), raw_dtype=stored)
    for name, tensor in (tensors or {}).items():
        writer.add_tensor(name, tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return network


def _add(writer, key, value):
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _describe(config, tokenizer, rule):
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.get)
    merges = [" ".join(pair) for pair in _merges(tokenizer)]
    return {
        "llama.context_length": config.max_position_embeddings,
        "llama.embedding_length": config.hidden_size,
        "llama.block_count": config.num_hidden_layers,
        "llama.feed_forward_length": config.intermediate_size,
        "llama.attention.head_count": config.num_attention_heads,
        "llama.attention.head_count_kv": config.num_key_value_heads,
        "llama.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "llama.rope.freq_base": float(config.rope_parameters["rope_theta"]),
        "llama.rope.dimension_count": config.hidden_size // config.num_attention_heads,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": rule,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [CONTROL if token == BOS else NORMAL for token in tokens],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": ids[BOS],
        "tokenizer.ggml.eos_token_id": ids[BOS],
        "tokenizer.ggml.add_bos_token": False,
    }


def _merges(tokenizer):
    return json.loads(tokenizer.to_str())["model"]["merges"]


def _named(network):
    """Yield the tensors under llama.cpp's names, with its order of the rows of queries and keys."""
    config, state = network.config, {name: tensor.float().numpy() for name, tensor in network.state_dict().items()}
    yield "token_embd.weight", state["model.embed_tokens.weight"]
    yield "output_norm.weight", state["model.norm.weight"]
    names = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for layer in range(config.num_hidden_layers):
        for own, theirs in names.items():
            tensor = state[f"model.layers.{layer}.{own}.weight"]
            yield f"blk.{layer}.{theirs}.weight", _permute(tensor, heads[theirs]) if theirs in heads else tensor


def _permute(tensor, heads):
    """Return rows in the order in which llama.cpp rotates them: pairs side by side (convert_hf_to_gguf.py)."""
    rows, columns = tensor.shape
    return np.ascontiguousarray(
        tensor.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )
