"""The conversion of a GGUF file to a folder that transformers loads quickly."""

from __future__ import annotations

import errno
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from lmbench.backends.neural.pretrained.gguf_file import SUFFIX, GgufFile
from lmbench.backends.neural.pretrained.gguf_positions import SCALING, set_positions
from lmbench.backends.neural.pretrained.gguf_source import GgufSource
from lmbench.backends.neural.pretrained.gguf_tokenizer import (
    check_same_vocabulary,
    find_difference,
    load_gguf_tokenizer,
)
from lmbench.backends.neural.pretrained.library import reading
from lmbench.backends.neural.pretrained.model_files import VOCABULARY_SIZE, UnusableFileError, read_settings
from lmbench.backends.neural.pretrained.size_check import check_counts, check_growth, check_network
from lmbench.checksum import hash_file
from lmbench.converted import ConvertedModels
from lmbench.errors import reason
from lmbench.identity import digest
from lmbench.progress import Progress

_VERSION = 1  # of the conversion: raise it if it gives other numbers
_FLOAT = 4  # bytes
_BUNDLED = ("tokenizer.ggml.merges", "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "tokenizer.chat_template")


def find_converted(source: GgufSource, progress: Progress) -> Path:
    """Return the folder of the converted model, which is made once and kept in the user's cache.

    Raises:
        UnusableFileError: The file is not one that transformers can read as it is meant.
        UnavailableError: The cache cannot be written.
    """
    how = digest([_VERSION, transformers.__version__, [hash_file(file) for file in source.vocabulary]])
    convert = partial(_convert, source, progress=progress)
    return ConvertedModels().find(f"{source.digest}-{how[:12]}", source.path.name, convert, progress)


def _convert(source: GgufSource, folder: Path, progress: Progress) -> None:
    """Write the model into a folder: a configuration, float32 weights and a tokenizer."""
    file = GgufFile.read(source.path)
    _check_space(file, folder)
    megabytes = _FLOAT * file.numbers / 1e6
    progress.notice(f"converting {source.path.name} once, to {megabytes:,.0f} MB in {ConvertedModels().folder}")
    with reading(), redirect_stderr(StringIO()):  # it has a progress bar that cannot be turned off
        tokenizer = load_gguf_tokenizer(file)
        if source.vocabulary:
            _copy_vocabulary(source, file, tokenizer.backend_tokenizer, folder, progress)
        else:
            with _writing():
                tokenizer.save_pretrained(folder)
        _convert_network(file, folder)


def _copy_vocabulary(source: GgufSource, file: GgufFile, built: Tokenizer, folder: Path, progress: Progress) -> None:
    """Copy the model's own tokenizer, after a comparison with the one that the header describes."""
    for path in source.vocabulary:
        check_growth(read_settings(path, VOCABULARY_SIZE))
        shutil.copyfile(path, folder / path.name)
    own = Tokenizer.from_file(str(folder / source.vocabulary[0].name))
    check_same_vocabulary(own, file)
    if text := find_difference(own, built):
        progress.notice(
            f"{source.path.name}: tokenizer.json divides {text[:20]!r} otherwise than the tokenizer that the file "
            "describes; tokenizer.json is used"
        )


def _check_space(file: GgufFile, folder: Path) -> None:
    """Check that a disk has space for the converted file, and for a copy of it.

    Raises:
        OSError: It does not.
    """
    needed = file.path.stat().st_size + _FLOAT * file.numbers
    if needed > (free := shutil.disk_usage(folder).free):
        raise OSError(errno.ENOSPC, f"it takes {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free")


def _convert_network(file: GgufFile, folder: Path) -> None:
    """Write the configuration and the weights, as float32."""
    kind: Any = AutoModelForCausalLM
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        short = Path(name) / f"model{SUFFIX}"
        _write_short(file, short)
        config = AutoConfig.from_pretrained(name, gguf_file=short.name, local_files_only=True)
        check_counts(config.to_dict(), len(file.tensors))
        set_positions(file, config)
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            check_network(kind.from_config(config), _FLOAT * file.numbers, _FLOAT)
        network, report = kind.from_pretrained(
            name, gguf_file=short.name, config=config, dtype=torch.float32, local_files_only=True,
            output_loading_info=True,
        )  # fmt: skip
    _check_complete(file, network, sorted(report["missing_keys"]))
    _save(network, folder)


def _write_short(file: GgufFile, path: Path) -> None:
    """Copy a GGUF file without the merges, which the library reads value by value: 5 seconds of each reading."""
    kept = [span for key, span in file.spans.items() if key not in _BUNDLED]
    with file.path.open("rb") as source, path.open("wb") as copy:
        start = source.read(file.table[1])
        copy.write(start[:8] + struct.pack("<QQ", len(file.tensors), len(kept)))
        for first, last in [*kept, file.table]:
            copy.write(start[first:last])
        copy.write(b"\0" * (-copy.tell() % file.alignment))
        source.seek(file.data_start)
        shutil.copyfileobj(source, copy, 1 << 24)


def _check_complete(file: GgufFile, network: Any, missing: list[str]) -> None:
    """Check that the network gets all of its weights from the file, and that the file does not hold others.

    A file may repeat tied weights, and hold more blocks to predict several tokens at once.
    """
    if missing:  # transformers draws these at random
        raise UnusableFileError(f"it lacks the weights of {missing[0]}")
    config, predicting = (
        network.config.get_text_config(),
        file.metadata.get(f"{file.architecture}.nextn_predict_layers"),
    )
    held = 0
    for tensor in file.tensors:
        block = re.match(r"blk\.(\d+)\.", tensor.name)
        is_other = predicting and block is not None and int(block[1]) >= config.num_hidden_layers
        is_repeated = tensor.name == "output.weight" and config.tie_word_embeddings
        if not (is_other or is_repeated or SCALING.fullmatch(tensor.name)):
            held += tensor.numbers
    taken = sum(parameter.numel() for parameter in network.parameters())
    if held != taken:
        raise UnusableFileError(f"it holds {held:,} numbers, but transformers' network for it has {taken:,}")


def _save(network: Any, folder: Path) -> None:
    """Save a network that was dequantized as one that never was quantized."""
    network.hf_quantizer = None
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
    with _writing():
        network.save_pretrained(folder)


@contextmanager
def _writing() -> Iterator[None]:
    """Translate what safetensors and tokenizers raise if they cannot write. The latter raises Exception itself.

    Raises:
        OSError: A file cannot be written.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SafetensorError) or type(error) is Exception:
            raise OSError(errno.EIO, reason(error)) from error
        raise
