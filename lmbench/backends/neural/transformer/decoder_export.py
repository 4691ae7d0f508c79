"""A trained decoder as a folder that transformers loads: as GPT-2, or as GPT-NeoX if its positions are rotary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from lmbench.backends.neural.transformer.attention import ROTARY_BASE
from lmbench.backends.neural.transformer.checkpoint import write_tensors
from lmbench.backends.neural.transformer.networks import Decoder
from lmbench.backends.neural.transformer.tokenizer_file import TokenizerFile
from lmbench.signature import Signature

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_GPT2, _NEOX = "GPT2LMHeadModel", "GPTNeoXForCausalLM"
_GPT2_NAMES = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
_NEOX_NAMES = {
    "attention_norm": "input_layernorm",
    "attention.qkv": "attention.query_key_value",
    "attention.out": "attention.dense",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.up": "mlp.dense_h_to_4h",
    "feed_forward.down": "mlp.dense_4h_to_h",
}


def export_decoder(folder: Path, decoder: Decoder, tokenizer: TokenizerFile, signature: Signature) -> None:
    """Write a folder for AutoModelForCausalLM and AutoTokenizer, with a README that says what each id means.

    Args:
        folder: The folder, which does not exist yet.
        decoder: The trained network.
        tokenizer: Tokenizer of the network.
        signature: Signature of the model, for the README.

    Raises:
        LmbenchError: The weights cannot be written.
    """
    rotary = decoder.shape.rotary
    folder.mkdir()
    (_configure_neox if rotary else _configure_gpt2)(decoder).save_pretrained(folder)
    weights = (neox_weights if rotary else gpt2_weights)(decoder)
    write_tensors(folder / "model.safetensors", weights, {"format": "pt"})
    tokenizer.save(folder, decoder.shape.context)
    (folder / "README.md").write_text(_readme(_NEOX if rotary else _GPT2, signature, tokenizer), encoding="utf-8")


def gpt2_weights(decoder: Decoder) -> dict[str, Tensor]:
    """Return a decoder's weights under the names of transformers' GPT2LMHeadModel, its matrices transposed."""
    weights: dict[str, Tensor] = {
        "transformer.wte.weight": decoder.tokens.weight,
        "transformer.ln_f.weight": decoder.norm.weight,
        "transformer.ln_f.bias": decoder.norm.bias,
    }
    if decoder.positions is not None:
        weights["transformer.wpe.weight"] = decoder.positions.weight
    for number, part, kind, parameter in _block_parameters(decoder):
        stored = parameter.T if parameter.dim() > 1 else parameter  # GPT-2's matrices are (in, out)
        weights[f"transformer.h.{number}.{_GPT2_NAMES[part]}.{kind}"] = stored
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


def neox_weights(decoder: Decoder) -> dict[str, Tensor]:
    """Return a decoder's weights under the names of transformers' GPTNeoXForCausalLM, heads before q, k and v."""
    weights: dict[str, Tensor] = {
        "gpt_neox.embed_in.weight": decoder.tokens.weight,
        "gpt_neox.final_layer_norm.weight": decoder.norm.weight,
        "gpt_neox.final_layer_norm.bias": decoder.norm.bias,
    }
    heads = decoder.shape.heads
    for number, part, kind, parameter in _block_parameters(decoder):
        if part == "attention.qkv":
            parameter = parameter.unflatten(0, (3, heads, -1)).transpose(0, 1).flatten(0, 2)  # type: ignore[no-untyped-call]
        weights[f"gpt_neox.layers.{number}.{_NEOX_NAMES[part]}.{kind}"] = parameter
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


def _block_parameters(decoder: Decoder) -> list[tuple[int, str, str, Tensor]]:
    """Return the number of the block, the part, ``weight`` or ``bias``, and the parameter."""
    named = [(i, name, weight) for i, block in enumerate(decoder.blocks) for name, weight in block.named_parameters()]
    return [(i, name.rpartition(".")[0], name.rpartition(".")[2], weight) for i, name, weight in named]


def _configure_gpt2(decoder: Decoder) -> PretrainedConfig:
    from transformers import GPT2Config

    shape = decoder.shape
    return GPT2Config(
        **_common_settings(decoder),
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        activation_function="gelu",
        embd_pdrop=shape.dropout,
        resid_pdrop=shape.dropout,
        attn_pdrop=0.0,
        architectures=[_GPT2],
    )


def _configure_neox(decoder: Decoder) -> PretrainedConfig:
    from transformers import GPTNeoXConfig

    shape = decoder.shape
    return GPTNeoXConfig(
        **_common_settings(decoder),
        max_position_embeddings=shape.context,
        hidden_size=shape.width,
        intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        hidden_act="gelu",
        hidden_dropout=shape.dropout,
        use_parallel_residual=False,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE, "partial_rotary_factor": 1.0},
        architectures=[_NEOX],
    )


def _common_settings(decoder: Decoder) -> dict[str, Any]:
    bos = decoder.shape.ids - 1
    return {"vocab_size": decoder.shape.ids, "tie_word_embeddings": True, "bos_token_id": bos, "eos_token_id": bos}


def _readme(architecture: str, signature: Signature, tokenizer: TokenizerFile) -> str:
    return f"""# A Transformer trained by lmbench

`AutoModelForCausalLM` loads it as a `{architecture}`. Its signature: `{signature}`

{tokenizer.explanation}

Each text is read after one `{tokenizer.bos}`. For an unknown word, lmbench adds the cost of its letters to that of
`<unk>`; other programs do not, so compare only texts of known words.
"""
