"""Loading pretrained models: from a folder, from the cache of the Hugging Face hub, or from the hub itself."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import huggingface_hub
import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from pydantic import Field, field_validator, model_validator
from safetensors import SafetensorError

from lmbench.backends.neural.device import select_device
from lmbench.backends.neural.pretrained.hub_cache import cached_file, describe_missing, has_cached_weights
from lmbench.errors import UnavailableError
from lmbench.model import ModelOptions
from lmbench.progress import Progress

_HUB_TIMEOUT = 5.0  # seconds; transformers itself would retry for most of a minute
_DOWNLOADED = re.compile(r"[^/]+\.(safetensors|json|txt|model)")  # files of a repository that loading downloads
_LOADING_ERRORS = (  # raised by from_pretrained; RuntimeError: the weights' sizes contradict the configuration
    OSError, ValueError, KeyError, ImportError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    SafetensorError, StrictDataclassError,
)  # fmt: skip


class PretrainedOptions(ModelOptions):
    """Options of every model that is loaded from a folder or the hub."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="model id on the hub, or folder written by save_pretrained")
    memory: int = Field(512, ge=1, description="MiB that scoring takes in addition to the weights, approximately")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="precision of the weights: float32, bfloat16 or float16"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda; auto: cuda if available")
    offline: bool = Field(False, description="never contact the hub, not even for missing weights")

    @field_validator("path")
    @classmethod
    def _expand_home(cls, path: str) -> str:
        """Expand ~, which the shell leaves alone in hf:~/folder."""
        return str(Path(path).expanduser()) if path.startswith("~") else path

    @model_validator(mode="after")
    def _check_device(self) -> Self:
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("this machine has no CUDA device")
        return self


class HubLoader:
    """Loads the parts of one model. Nothing is downloaded before `allow_downloads`."""

    def __init__(self, options: PretrainedOptions) -> None:
        self._options = options
        self._path = options.path
        self._progress: Progress | None = None  # set once downloads are allowed
        self._announced = False

    def allow_downloads(self, progress: Progress) -> None:
        """Allow downloads from now on, and announce what loading will do.

        Raises:
            UnavailableError: The model is not on this machine and cannot be downloaded.
        """
        self._progress = progress
        if Path(self._path).exists() or has_cached_weights(self._path):
            progress(f"loading '{self._path}'", 0.0)
        else:
            self._announce_download(self._require_hub(None))

    def load(self, kind: Any, **options: bool) -> Any:
        """Return what ``kind.from_pretrained`` makes of the model's files on this machine, or else of the hub's.

        Raises:
            UnavailableError: They are missing or cannot be loaded.
        """
        with _silenced():
            try:
                with _offline():
                    return kind.from_pretrained(self._path, local_files_only=True, trust_remote_code=False, **options)
            except _LOADING_ERRORS as error:
                progress = self._require_hub(error)
            self._announce_download(progress)
            try:
                return kind.from_pretrained(self._path, trust_remote_code=False, **options)
            except _LOADING_ERRORS as error:
                raise _download_error(self._path, error) from error

    def load_network(self, kind: Any) -> Any:
        """Return the network of an AutoModel class, with all its weights, in the options' precision on their device.

        Raises:
            UnavailableError: Weights are missing or cannot be loaded.
        """
        network, report = self.load(kind, use_safetensors=True, output_loading_info=True)
        if report["missing_keys"]:  # transformers draws these at random
            missing = sorted(report["missing_keys"])[0]
            raise UnavailableError(
                f"the weights of '{self._path}' lack {missing}; use a complete checkpoint for {kind.__name__}"
            )
        return network.to(select_device(self._options.device), getattr(torch, self._options.dtype)).eval()

    def _announce_download(self, progress: Progress) -> None:
        if not self._announced:
            megabytes = _missing_bytes(self._path) / 1e6
            progress.notice(f"downloading '{self._path}' from the Hugging Face hub: {megabytes:,.0f} MB")
            self._announced = True

    def _require_hub(self, error: Exception | None) -> Progress:
        """Return the progress of a download, after `error` showed that the model is not on this machine.

        Raises:
            UnavailableError: The model cannot be downloaded.
        """
        path = self._path
        if error and Path(path).is_dir():
            why = describe_missing(Path(path)) or _first_line(error)
            raise UnavailableError(f"folder '{path}' does not contain a model that can be loaded: {why}") from error
        if path.startswith(("/", ".", "~")) or path.count("/") > 1:
            raise UnavailableError(f"there is no folder '{path}'") from error
        missing = f"weights of '{path}' are not on this machine"
        remedy = f"run `hf download {path}` while online, or give a folder: hf:PATH"
        if self._options.offline or huggingface_hub.constants.HF_HUB_OFFLINE:
            raise UnavailableError(f"{missing}, and the hub is not contacted (offline); {remedy}") from error
        if self._progress is None:
            raise UnavailableError(f"{missing}; call the model's `load`, which downloads them") from error
        if not _hub_answers():
            raise UnavailableError(f"{missing}, and the hub cannot be reached; {remedy}") from error
        return self._progress


def positions(model: Any) -> int | None:
    """Return how many tokens the model can read at once; None if its configuration does not say."""
    largest: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return largest - _first_position(model) if largest else None


def _first_position(model: Any) -> int:
    """Return the position of a text's first token. RoBERTa and similar models count from the row after padding's."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


def _missing_bytes(path: str) -> int:
    """Return the total size of the files that loading downloads: those that the hub's cache lacks.

    Raises:
        UnavailableError: The hub does not list them.
    """
    try:
        files = huggingface_hub.HfApi().model_info(path, files_metadata=True).siblings or []
    except (OSError, ValueError) as error:
        raise _download_error(path, error) from error
    needed = [file for file in files if _DOWNLOADED.fullmatch(file.rfilename)]
    return sum(file.size or 0 for file in needed if cached_file(path, file.rfilename) is None)


def _download_error(path: str, error: Exception) -> UnavailableError:
    return UnavailableError(f"'{path}' cannot be downloaded from the hub: {_first_line(error)}")


def _hub_answers() -> bool:
    try:
        with urllib.request.urlopen(huggingface_hub.constants.ENDPOINT, timeout=_HUB_TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the library from contacting the hub, which it does for its user agent even with local_files_only."""
    constants: Any = huggingface_hub.constants
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def _silenced() -> Iterator[None]:
    """Turn transformers' warnings and progress bars off, and afterwards restore them."""
    log: Any = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
