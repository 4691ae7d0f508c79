"""Models in GGUF files, converted to a folder that transformers loads quickly."""

from __future__ import annotations

import errno
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from functools import lru_cache, partial
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
from lmbench.backends.neural.pretrained.gguf_tokenizer import (
    check_same_vocabulary,
    find_difference,
    load_gguf_tokenizer,
    own_vocabulary,
)
from lmbench.backends.neural.pretrained.library import reading
from lmbench.backends.neural.pretrained.model_files import (
    VOCABULARY_SIZE,
    UnusableFileError,
    fingerprint,
    read_settings,
)
from lmbench.backends.neural.pretrained.size_check import check_counts, check_growth, check_network
from lmbench.checksum import hash_file
from lmbench.converted import ConvertedModels
from lmbench.errors import UnavailableError, reason
from lmbench.identity import digest
from lmbench.progress import Progress

_VERSION = 1  # of the conversion: raise it if it gives other numbers
_FLOAT = 4  # bytes
_REMEMBERED = 64  # files; every cell of a run asks for the same ones
_BUNDLED = ("tokenizer.ggml.merges", "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "tokenizer.chat_template")


@dataclass(frozen=True, slots=True)
class GgufSource:
    """A GGUF file, with the model's own tokenizer if that is beside it.

    Attributes:
        path: The file.
        digest: Its SHA-256.
        vocabulary: The files of the model's own tokenizer, which replaces the one that the header describes.
    """

    path: Path
    digest: str
    vocabulary: tuple[Path, ...]
    _fingerprints: Mapping[Path, tuple[int, int, int]] = field(repr=False)

    @classmethod
    def find(cls, path: Path) -> GgufSource | None:
        """Return the model that a user names: a GGUF file, or a folder with one and no other weights.

        Raises:
            UnusableFileError: The folder contains several, or the file cannot be read.
        """
        if path.is_dir():
            return cls._in_folder(path)
        return cls._of(path, ()) if path.name.lower().endswith(SUFFIX) and path.is_file() else None

    @classmethod
    def _in_folder(cls, folder: Path) -> GgufSource | None:
        names = sorted(file.name for file in folder.iterdir())
        found = [name for name in names if name.lower().endswith(SUFFIX)]
        if not found or any(name.endswith(".safetensors") for name in names):
            return None
        if len(found) > 1:
            raise UnusableFileError(f"it contains {len(found)} GGUF files; name one, as in hf:FOLDER/{found[0]}")
        return cls._of(folder / found[0], own_vocabulary(folder))

    @classmethod
    def _of(cls, path: Path, vocabulary: tuple[Path, ...]) -> GgufSource:
        if not path.is_file():
            raise UnusableFileError(f"{path.name} is not a regular file")
        before = {file: fingerprint(file) for file in (path, *vocabulary)}
        return cls(path, _hash_once(path, before[path]), vocabulary, before)

    @property
    def revision(self) -> str:
        """The first digits of the SHA-256 of the file, and of the tokenizer beside it.

        Raises:
            UnavailableError: A file has changed since it was hashed.
        """
        for file, before in self._fingerprints.items():
            if not file.is_file() or fingerprint(file) != before:
                raise UnavailableError(f"'{file}' has changed since the model was loaded; start again")
        own = f" tokenizer={digest([hash_file(file) for file in self.vocabulary])[:12]}" if self.vocabulary else ""
        return f"sha256={self.digest[:12]}{own}"

    @property
    def quantization(self) -> str:
        """How the file stores its numbers."""
        return _find_quantization(self.path, self._fingerprints[self.path])

    def convert(self, progress: Progress) -> Path:
        """Return the folder of the converted model, which is made once and kept in the user's cache.

        Raises:
            UnusableFileError: The file is not one that transformers can read as it is meant.
            UnavailableError: The cache cannot be written.
        """
        how = digest([_VERSION, transformers.__version__, [hash_file(file) for file in self.vocabulary]])
        convert = partial(self._convert, progress=progress)
        return ConvertedModels().find(f"{self.digest}-{how[:12]}", self.path.name, convert, progress)

    def _convert(self, folder: Path, progress: Progress) -> None:
        """Write the model into a folder: a configuration, float32 weights and a tokenizer."""
        file = GgufFile.read(self.path)
        _check_space(file, folder)
        megabytes = _FLOAT * file.numbers / 1e6
        progress.notice(f"converting {self.path.name} once, to {megabytes:,.0f} MB in {ConvertedModels().folder}")
        with reading(), redirect_stderr(StringIO()):  # it has a progress bar that cannot be turned off
            tokenizer = load_gguf_tokenizer(file)
            if self.vocabulary:
                self._copy_vocabulary(file, tokenizer.backend_tokenizer, folder, progress)
            else:
                with _writing():
                    tokenizer.save_pretrained(folder)
            _convert_network(file, folder)

    def _copy_vocabulary(self, file: GgufFile, built: Tokenizer, folder: Path, progress: Progress) -> None:
        """Copy the model's own tokenizer, after a comparison with the one that the header describes."""
        for path in self.vocabulary:
            check_growth(read_settings(path, VOCABULARY_SIZE))
            shutil.copyfile(path, folder / path.name)
        own = Tokenizer.from_file(str(folder / self.vocabulary[0].name))
        check_same_vocabulary(own, file)
        if text := find_difference(own, built):
            progress.notice(
                f"{self.path.name}: tokenizer.json divides {text[:20]!r} otherwise than the tokenizer that the file "
                "describes; tokenizer.json is used"
            )


@lru_cache(_REMEMBERED)
def _hash_once(path: Path, _fingerprint: tuple[int, int, int]) -> str:
    """Return the SHA-256 of a file, which is read again if its fingerprint changes."""
    return hash_file(path)


@lru_cache(_REMEMBERED)
def _find_quantization(path: Path, _fingerprint: tuple[int, int, int]) -> str:
    """Return how a file stores its numbers; the header is read again if the file's fingerprint changes."""
    return GgufFile.read(path).quantization


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
