"""A trained decoder as a folder that transformers loads as GPT-2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from lmbench.backends.neural.transformer.checkpoint import write_tensors
from lmbench.backends.neural.transformer.networks import Decoder
from lmbench.backends.neural.transformer.tokenizer_file import TokenizerFile
from lmbench.signature import Signature

if TYPE_CHECKING:
    from transformers import GPT2Config

_NAMES = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}


def export_gpt2(folder: Path, decoder: Decoder, tokenizer: TokenizerFile, signature: Signature) -> None:
    """Write a folder for AutoModelForCausalLM and AutoTokenizer, with a README that says what each id means.

    Args:
        folder: The folder, which does not exist yet.
        decoder: The trained network.
        tokenizer: Tokenizer of the network.
        signature: Signature of the model, for the README.

    Raises:
        LmbenchError: The weights cannot be written.
    """
    folder.mkdir()
    _config(decoder).save_pretrained(folder)
    write_tensors(folder / "model.safetensors", gpt2_weights(decoder), {"format": "pt"})
    tokenizer.save(folder, decoder.shape.context)
    (folder / "README.md").write_text(_readme(signature, tokenizer), encoding="utf-8")


def gpt2_weights(decoder: Decoder) -> dict[str, Tensor]:
    """Return a decoder's weights under the names of transformers' GPT2LMHeadModel, its matrices transposed."""
    weights = {
        "transformer.wte.weight": decoder.tokens.weight,
        "transformer.wpe.weight": decoder.positions.weight,
        "transformer.ln_f.weight": decoder.norm.weight,
        "transformer.ln_f.bias": decoder.norm.bias,
    }
    for number, block in enumerate(decoder.blocks):
        for name, parameter in block.named_parameters():
            part, _, kind = name.rpartition(".")
            stored = parameter.T if parameter.dim() > 1 else parameter  # GPT-2's matrices are (in, out)
            weights[f"transformer.h.{number}.{_NAMES[part]}.{kind}"] = stored
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


def _config(decoder: Decoder) -> GPT2Config:
    from transformers import GPT2Config

    shape = decoder.shape
    return GPT2Config(
        vocab_size=shape.ids,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        embd_pdrop=shape.dropout,
        resid_pdrop=shape.dropout,
        attn_pdrop=0.0,
        bos_token_id=shape.ids - 1,
        eos_token_id=shape.ids - 1,
        architectures=["GPT2LMHeadModel"],
    )


def _readme(signature: Signature, tokenizer: TokenizerFile) -> str:
    return f"""# A Transformer trained by lmbench

GPT-2's architecture, for transformers' `AutoModelForCausalLM`. Its signature: `{signature}`

{tokenizer.explanation}

Each text is read after one `{tokenizer.bos}`. For an unknown word, lmbench adds the cost of its letters to that of
`<unk>`; other programs do not, so compare only texts of known words.
"""
