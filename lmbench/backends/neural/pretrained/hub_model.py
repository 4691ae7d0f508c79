"""Loading pretrained models: from a folder, from the cache of the Hugging Face hub, or from the hub itself.

PyTorch and Transformers take seconds to import, and neither options nor a model's identity need them. So the functions
that load import them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import huggingface_hub
from huggingface_hub.errors import StrictDataclassError
from pydantic import Field, JsonValue, field_validator, model_validator
from safetensors import SafetensorError

from lmbench.backends.neural.cuda import has_cuda
from lmbench.backends.neural.pretrained.gguf_file import SUFFIX
from lmbench.backends.neural.pretrained.gguf_source import GgufSource
from lmbench.backends.neural.pretrained.hub_cache import cached_snapshot
from lmbench.backends.neural.pretrained.hub_download import download, hub_answers, missing_bytes
from lmbench.backends.neural.pretrained.library import reading, silenced
from lmbench.backends.neural.pretrained.model_files import (
    VOCABULARY_SIZE,
    ModelFiles,
    UnusableFileError,
    is_complete,
    read_settings,
)
from lmbench.backends.neural.pretrained.size_check import (
    check_counts,
    check_growth,
    check_network,
    check_token_ids,
    find_mismatch,
    read_shapes,
)
from lmbench.errors import UnavailableError
from lmbench.model import ModelOptions
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress
from lmbench.signature import Signature

_LONGEST_LINE = 400  # characters of a library's message
_LOADING_ERRORS = (  # raised by from_pretrained; RuntimeError: the weights' sizes contradict the configuration
    OSError, ValueError, LookupError, ImportError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    AssertionError, MemoryError, SafetensorError, StrictDataclassError, UnusableFileError,
)  # fmt: skip


class PretrainedOptions(ModelOptions):
    """Options of every model that is loaded from a folder or the hub."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="model id on the hub, folder written by save_pretrained, or GGUF file")
    memory: int = Field(512, ge=1, description="MiB that scoring takes in addition to the weights, approximately")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="precision of the weights: float32, bfloat16 or float16"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda; auto: cuda if available")
    offline: bool = Field(False, description="never contact the hub, not even for missing weights")

    @property
    def title(self) -> str:
        """The name of the model in messages and signatures."""
        return self.path

    def locate(self) -> str:
        """Return the model's id on the hub, or its place on this machine.

        Raises:
            UnavailableError: It is not on this machine.
        """
        return self.path

    @field_validator("path")
    @classmethod
    def _expand_home(cls, path: str) -> str:
        """Expand ~, which the shell leaves alone in hf:~/folder."""
        return str(Path(path).expanduser()) if path.startswith("~") else path

    @model_validator(mode="after")
    def _check_device(self) -> Self:
        if self.device == "cuda" and not has_cuda():
            raise ValueError("this machine has no CUDA device")
        return self

    def identity(self) -> dict[str, JsonValue]:
        """Return what the options say about the model. The contents of its files count, wherever they are."""
        named = self.model_dump(mode="json", exclude={"memory", "device", "offline"})
        with suppress(UnavailableError):  # the model's cells give the reason
            named["path"] = HubLoader(self).revision(fast_tokenizer=False)
        return named


class HubLoader:
    """Loads the parts of one model. Nothing is downloaded before `allow_downloads`."""

    def __init__(self, options: PretrainedOptions) -> None:
        self._options = options
        self._progress: Progress | None = None  # set once downloads are allowed
        self._announced = False
        self._files: ModelFiles | None = None

    @cached_property
    def _path(self) -> str:
        return self._options.locate()

    @property
    def files(self) -> ModelFiles:
        """The files of the model on this machine, which are checked once.

        Raises:
            UnavailableError: The model is not on this machine, or it cannot be loaded from its files.
        """
        if self._files is None:
            self._files = self._check_files()
        return self._files

    def allow_downloads(self, progress: Progress) -> None:
        """Allow downloads from now on, and announce what loading will do.

        Raises:
            UnavailableError: The model is not on this machine and cannot be downloaded.
        """
        self._progress = progress
        self._announce_slow_precision(progress)
        if _is_folder(self._path) or self.gguf or self._is_cached():
            progress(f"loading '{self._path}'", 0.0)
        else:
            with self._naming_download(), silenced():
                self._announce_download(self._require_hub())

    def _announce_slow_precision(self, progress: Progress) -> None:
        import torch

        from lmbench.backends.neural.device import select_device, select_precision

        device = select_device(self._options.device)
        is_slow = device.type == "cpu" and select_precision("auto", device) != torch.bfloat16
        if self._options.dtype == "bfloat16" and is_slow:
            progress.notice("bfloat16 is many times slower than float32 on this CPU, which lacks its instructions")

    @cached_property
    def gguf(self) -> GgufSource | None:
        """The GGUF file that the options name; None if they name another kind of model.

        Raises:
            UnavailableError: It cannot be read.
        """
        if not (_is_folder(self._path) or _is_file(self._path)):
            return None
        with naming_model(self._path):
            return GgufSource.find(Path(self._path))

    def sign(self, fast_tokenizer: bool) -> Signature:
        """Return what the scores depend on: the revision and, for a GGUF file, how its numbers are stored.

        Raises:
            UnavailableError: A file has changed since the model was loaded.
        """
        signature = Signature.of(revision=self.revision(fast_tokenizer))
        return signature + Signature.of(quantization=self.gguf.quantization) if self.gguf else signature

    @property
    def disk_bytes(self) -> int:
        """The size of the weights on disk, before any conversion."""
        return self.gguf.path.stat().st_size if self.gguf else self.files.disk_bytes

    def revision(self, fast_tokenizer: bool) -> str:
        """Return what identifies the model; see `ModelFiles.revision`. A GGUF file need not be converted for that.

        Raises:
            UnavailableError: The model is not on this machine, or a file has changed since it was loaded.
        """
        return self.gguf.revision if self.gguf else self.files.revision(fast_tokenizer)

    def load_tokenizer(self) -> Any:
        """Return the library's tokenizer.

        Raises:
            UnavailableError: It is missing or cannot be loaded.
        """
        from transformers import AutoTokenizer

        files = self.files
        with naming_model(self._path):
            for vocabulary in files.fast_vocabularies:
                check_growth(read_settings(vocabulary, VOCABULARY_SIZE))
            tokenizer = self._load(AutoTokenizer)
            check_token_ids(tokenizer.get_vocab())
            longest = tokenizer.model_max_length
            if not isinstance(longest, int | float) or not longest >= 1:
                raise ValueError(f"its tokenizer's model_max_length is {longest!r}, not a number of tokens")
        return tokenizer

    def load_network(self, kind: Any) -> Any:
        """Return the network of an AutoModel class, with all its weights, in the options' precision on their device.

        Raises:
            UnavailableError: Weights are missing or cannot be loaded.
        """
        import torch

        from lmbench.backends.neural.device import select_device

        device, dtype = select_device(self._options.device), getattr(torch, self._options.dtype)
        with naming_model(self._path):
            outline = self._outline(kind)
            check_network(outline, self.files.disk_bytes, dtype.itemsize if device.type == "cpu" else 0)
            try:
                network, report = self._load(kind, use_safetensors=True, output_loading_info=True)
            except RuntimeError as error:
                raise UnusableFileError(find_mismatch(outline, self.files) or first_line(error)) from error
        if report["missing_keys"]:  # transformers draws these at random
            missing = printable(sorted(report["missing_keys"])[0])
            raise UnavailableError(
                f"the weights of '{self._path}' lack {missing}; use a complete checkpoint for {kind.__name__}"
            )
        return network.to(device, dtype).eval()

    def _outline(self, kind: Any) -> Any:
        """Return the network that the configuration describes, without memory for its weights."""
        import torch
        from transformers import AutoConfig

        config = self._load(AutoConfig)
        with torch.device("meta"), torch.random.fork_rng(devices=[]), reading():
            return kind.from_config(config, trust_remote_code=False)

    def _load(self, kind: Any, **options: bool) -> Any:
        """Return what ``kind.from_pretrained`` makes of the files that were checked. It runs no code from them."""
        commit = {"revision": self.files.commit} if self.files.commit else {}
        place = self._path if commit else self.files.folder
        with reading():
            return kind.from_pretrained(place, local_files_only=True, trust_remote_code=False, **commit, **options)

    def _check_files(self) -> ModelFiles:
        if self.gguf:
            from lmbench.backends.neural.pretrained.gguf_conversion import find_converted

            with naming_model(self._path):
                return self._check_folder(find_converted(self.gguf, self._progress or SILENT))
        if _is_folder(self._path):
            return self._check_folder(Path(self._path))
        if not self._is_cached():
            self._download()
        snapshot = cached_snapshot(self._path)
        if snapshot is None:
            raise UnavailableError(f"the commit of '{self._path}' in the hub's cache is unknown; download it again")
        return self._check_folder(snapshot, commit=snapshot.name)

    def _check_folder(self, folder: Path, commit: str = "") -> ModelFiles:
        with naming_model(self._path):
            files = ModelFiles.check(folder, commit)
            check_counts(files.config, len(read_shapes(files.weights)))
        return files

    def _is_cached(self) -> bool:
        """Return whether the hub's cache holds the model's weights and a vocabulary."""
        snapshot = cached_snapshot(self._path)
        return snapshot is not None and is_complete(snapshot)

    def _download(self) -> None:
        """Download the files that loading reads.

        Raises:
            UnavailableError: They cannot be downloaded.
        """
        progress = self._require_hub()
        with self._naming_download(), silenced():
            self._announce_download(progress)
            download(self._path)

    @contextmanager
    def _naming_download(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, UnusableFileError) as error:
            why = first_line(error)
            raise UnavailableError(f"'{printable(self._path)}' cannot be downloaded from the hub: {why}") from error

    def _announce_download(self, progress: Progress) -> None:
        if not self._announced:
            megabytes = missing_bytes(self._path) / 1e6
            progress.notice(f"downloading '{self._path}' from the Hugging Face hub: {megabytes:,.0f} MB")
            self._announced = True

    def _require_hub(self) -> Progress:
        """Return the progress of a download of a model that is not on this machine.

        Raises:
            UnavailableError: The model cannot be downloaded.
        """
        path = self._path
        if _is_file(path):
            raise UnavailableError(f"'{path}' is a file; give a GGUF file or the folder of a model")
        if path.lower().endswith(SUFFIX):
            raise UnavailableError(f"there is no file '{path}'")
        if path.startswith(("/", ".", "~")) or path.count("/") > 1:
            raise UnavailableError(f"there is no folder '{path}'")
        missing = f"weights of '{path}' are not on this machine"
        remedy = f"run `hf download {path}` while online, or give a folder: hf:PATH"
        if self._options.offline or huggingface_hub.constants.HF_HUB_OFFLINE:
            raise UnavailableError(f"{missing}, and the hub is not contacted (offline); {remedy}")
        if self._progress is None:
            raise UnavailableError(f"{missing}; call the model's `load`, which downloads them")
        if not hub_answers():
            raise UnavailableError(f"{missing}, and the hub cannot be reached; {remedy}")
        return self._progress


def positions(model: Any) -> int | None:
    """Return how many tokens the model can read at once; None if its configuration does not say.

    Raises:
        ValueError: The configuration does not give a number.
    """
    largest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if largest is None:
        return None
    if not isinstance(largest, int) or largest - _first_position(model) < 1:
        raise ValueError(f"max_position_embeddings is {largest!r}, not a number of tokens")
    return largest - _first_position(model)


def _first_position(model: Any) -> int:
    """Return the position of a text's first token. RoBERTa and similar models count from the row after padding's."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # the name is too long
        return False


def _is_file(path: str) -> bool:
    try:
        return Path(path).exists() and not Path(path).is_dir()
    except OSError:
        return False


@contextmanager
def naming_model(path: str) -> Iterator[None]:
    """Translate what the libraries raise about a model's files into an error of one line that names the model.

    Raises:
        UnavailableError: A library failed.
    """
    try:
        yield
    except BaseException as error:
        if not _is_about_files(error):
            raise
        subject = f"folder '{printable(path)}' does not contain a model that can be loaded"
        if not _is_folder(path):
            subject = f"'{printable(path)}' cannot be loaded"
        raise UnavailableError(f"{subject}: {first_line(error)}") from error


def _is_about_files(error: BaseException) -> bool:
    """Return whether damaged files may cause this error.

    Tokenizers raises Exception itself, and if its Rust code panics, an exception that cannot be imported.
    """
    return isinstance(error, _LOADING_ERRORS) or type(error) is Exception or type(error).__name__ == "PanicException"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without control characters and not much longer than a line."""
    if isinstance(error, MemoryError):
        return "this machine does not have enough memory for it"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    line = printable((str(error).strip() or type(error).__name__).splitlines()[0])
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
