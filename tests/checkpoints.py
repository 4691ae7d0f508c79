"""Tiny pretrained models with random weights and real byte-level tokenizers."""

import shutil

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

BOS = "<|endoftext|>"
LINES = ["the cat sat on the mat.", "the dog sat on the log, and the cat was glad.", "a mat, a log, a cat"]


def byte_level(special=(BOS,)):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=list(special), show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def gpt2(rows, positions=64):
    torch.manual_seed(7)
    config = GPT2Config(
        vocab_size=rows, n_layer=2, n_embd=32, n_head=2, n_positions=positions, bos_token_id=0, eos_token_id=0,
        initializer_range=0.5,  # so that scores differ visibly
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def metaspace(normalizer=None):
    """Return a tokenizer like SentencePiece's: U+2581 for spaces, and bytes for unknown characters.

    It looks ahead: it chooses the most probable pieces of the whole text.
    """
    pieces = [("<unk>", 0.0), *((f"<0x{byte:02X}>", -9.0) for byte in range(256))]
    pieces += [(piece, -2.0) for piece in ("▁", "▁the", "▁cat", "at", *"acehmst.")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def llama(tokenizer):
    torch.manual_seed(7)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=32,
    ))  # fmt: skip


def in_hub_cache(cache, name, folder):
    """Copy a folder into the hub's cache as the model `name`, and return its commit."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    return commit


def save(folder, model, tokenizer, **special):
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder
