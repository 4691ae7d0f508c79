"""Tokenizers of GGUF files. transformers builds them; this module adds what it leaves out.

A byte-level vocabulary names the rule that divides a text before merges apply, ``tokenizer.ggml.pre``. transformers
ignores the names that it does not know, among them SmolLM2's, and takes GPT-2's rule instead.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lmbench.backends.neural.pretrained.gguf_file import GgufFile
from lmbench.backends.neural.pretrained.model_files import UnusableFileError
from lmbench.text.tokenizers import UNPRINTABLE

_AS_GPT2 = {"", "default", "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "roberta-bpe"}
_SINGLE_DIGITS = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
_WHOLE_WORDS = {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"}
_PROBES = (
    "The year 2024: 12,345.678 items (50 %)", "  two  spaces,\n\n\ttabs\r\n", "I'll say it's theirs; DON'T!",
    "naïve café — 我是一个程序员。", "x=[1,2];\tif(a!=b){return 0x1F;}", "🙂 ½ ² ٣ https://a.b/c?d=e_f#g",
)  # fmt: skip


def load_gguf_tokenizer(file: GgufFile) -> Any:
    """Return the tokenizer that a GGUF file describes.

    Raises:
        UnusableFileError: The rule that divides a text is unknown.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(file.path.parent, gguf_file=file.path.name)
    if file.metadata.get("tokenizer.ggml.model") == "gpt2":
        _set_division(tokenizer.backend_tokenizer, str(file.metadata.get("tokenizer.ggml.pre", "")))
    return tokenizer


def check_same_vocabulary(own: Tokenizer, file: GgufFile) -> None:
    """Check that a tokenizer and a GGUF file give the same ids to the same tokens.

    Raises:
        UnusableFileError: They do not.
    """
    for i, token in enumerate(file.tokens):
        if (named := own.id_to_token(i)) not in (None, token) and _spell(token) != named:
            raise UnusableFileError(
                f"tokenizer.json beside it is another model's: it names the token {i} {named[:40]!r}, the file "
                f"{token[:40]!r}"
            )


def find_difference(own: Tokenizer, built: Tokenizer) -> str:
    """Return a short text that two tokenizers of one vocabulary divide differently; "" if none is found."""
    for probe in _PROBES:
        if own.encode(probe, add_special_tokens=False).ids != built.encode(probe, add_special_tokens=False).ids:
            return probe
    return ""


def _set_division(tokenizer: Tokenizer, rule: str) -> None:
    """Divide texts by the rule that the file names, if transformers has not."""
    if rule in _WHOLE_WORDS:
        tokenizer.model.ignore_merges = True
    division = json.loads(tokenizer.to_str())["pre_tokenizer"]
    if division["type"] != "ByteLevel" or rule in _AS_GPT2:
        return
    if rule not in _SINGLE_DIGITS:
        raise UnusableFileError(
            f"it divides texts by the rule '{rule[:40]}', which is not known; put it into a folder with the model's "
            "own tokenizer.json, and name the folder"
        )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def _spell(token: str) -> str:
    """Return a token in GPT-2's byte alphabet."""
    printable = {byte: letter for letter, byte in UNPRINTABLE.items()}
    return "".join(printable[byte] for byte in token.encode())
