"""Pretrained models: from a folder, from the Hugging Face hub's cache, or from the hub, which is told before."""

from __future__ import annotations

import hashlib
import json
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
from huggingface_hub.errors import HFValidationError, StrictDataclassError
from pydantic import Field, field_validator, model_validator
from safetensors import SafetensorError

from lmbench.errors import UnavailableError
from lmbench.model import ModelOptions
from lmbench.progress import Progress

_HUB_TIMEOUT = 5.0  # seconds; transformers itself would try again for most of a minute
_NEEDED = re.compile(r"[^/]+\.(safetensors|json|txt|model)")  # files of a repository that loading a model takes
_VOCABULARY = re.compile(r"tokenizer\.json|vocab.*|.*\.(model|spm)")  # files that make a tokenizer
_UNLOADABLE = (  # what from_pretrained raises; RuntimeError: weights of other sizes than the configuration's
    OSError, ValueError, KeyError, ImportError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    SafetensorError, StrictDataclassError,
)  # fmt: skip


class PretrainedOptions(ModelOptions):
    """Options of all that is loaded from a folder or the hub."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="model id on the hub, or a folder written by save_pretrained")
    memory: int = Field(512, ge=1, description="MiB that scoring may take beside the weights, about")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="float32, bfloat16 or float16: what the weights are turned into"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda; auto: cuda where present")
    offline: bool = Field(False, description="never ask the hub, not even for weights that are not here")

    @field_validator("path")
    @classmethod
    def _home(cls, path: str) -> str:
        """The shell leaves the ~ of hf:~/folder as it is."""
        return str(Path(path).expanduser()) if path.startswith("~") else path

    @model_validator(mode="after")
    def _device_exists(self) -> Self:
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("this machine has no CUDA device")
        return self


class Source:
    """Where a model's parts come from. Nothing is downloaded before `begin`, which tells how much that will be."""

    def __init__(self, options: PretrainedOptions) -> None:
        self._options = options
        self._progress: Progress | None = None
        self._told = False

    def begin(self, progress: Progress) -> None:
        """From now on the hub may be asked, too; what is about to happen is told. Raises UnavailableError."""
        self._progress = progress
        path = self._options.path
        if Path(path).exists() or _has_weights(path):
            progress(f"loading '{path}'", 0.0)
        else:
            self._refuse_missing(None)
            self._tell(progress)

    def get(self, kind: Any, **how: bool) -> Any:
        """What `kind` makes of the path: from this machine, or else from the hub. Raises UnavailableError."""
        path = self._options.path
        with _quiet():
            try:
                with _offline():
                    return kind.from_pretrained(path, local_files_only=True, trust_remote_code=False, **how)
            except _UNLOADABLE as error:
                progress = self._refuse_missing(error)
            self._tell(progress)
            try:
                return kind.from_pretrained(path, trust_remote_code=False, **how)
            except _UNLOADABLE as error:
                raise UnavailableError(f"'{path}' cannot be had from the hub: {_first_line(error)}") from error

    def _tell(self, progress: Progress) -> None:
        """How large the download is, once, in a line; where nobody listens, as a warning."""
        if self._told:
            return
        path = self._options.path
        message = f"downloading '{path}' from the Hugging Face hub: {_missing_bytes(path) / 1e6:,.0f} MB"
        progress.notice(message)
        progress(message, 0.0)
        self._told = True

    def _refuse_missing(self, error: Exception | None) -> Progress:
        """Whom to tell of a download; error: what said that the path is not here. Raises UnavailableError without."""
        path = self._options.path
        if error and Path(path).is_dir():
            why = _lacking(Path(path)) or _first_line(error)
            raise UnavailableError(f"folder '{path}' holds no model that can be loaded: {why}") from error
        if path.startswith(("/", ".", "~")) or path.count("/") > 1:
            raise UnavailableError(f"there is no folder '{path}'") from error
        missing = f"weights of '{path}' are not on this machine"
        remedy = f"run `hf download {path}` where there is a network, or give a folder: hf:PATH"
        if self._options.offline or huggingface_hub.constants.HF_HUB_OFFLINE:
            raise UnavailableError(f"{missing} and the hub may not be asked (offline); {remedy}") from error
        if self._progress is None:
            raise UnavailableError(f"{missing}; the model's `load` downloads them and says their size") from error
        if not _hub_answers():
            raise UnavailableError(f"{missing} and the hub cannot be reached; {remedy}") from error
        return self._progress


def _lacking(folder: Path) -> str | None:
    """What a folder has not that every model has; the library's own words for it are many and go elsewhere."""
    files = {file.name for file in folder.iterdir()}
    if "config.json" not in files:
        return "it has no config.json"
    if not any(name.endswith(".safetensors") for name in files):
        pickled = sorted(name for name in files if name.endswith((".bin", ".pt", ".pth")))
        return f"its weights, {pickled[0]}, are pickled, and no *.safetensors" if pickled else "it has no *.safetensors"
    if not any(map(_VOCABULARY.fullmatch, files)):
        return "it has no tokenizer.json, nor any other vocabulary"
    return None


def _missing_bytes(path: str) -> int:
    """Bytes of the files that loading takes and that are not in the hub's cache. Raises UnavailableError."""
    try:
        files = huggingface_hub.HfApi().model_info(path, files_metadata=True).siblings or []
    except (OSError, ValueError) as error:
        raise UnavailableError(f"'{path}' cannot be had from the hub: {_first_line(error)}") from error
    needed = [file for file in files if _NEEDED.fullmatch(file.rfilename)]
    return sum(file.size or 0 for file in needed if _cached(path, file.rfilename) is None)


def revision(path: str) -> str:
    """Which weights these are: the hub's commit, or the first digits of the sha256 of a folder's weight files."""
    if not Path(path).is_dir() and (config := _cached(path, "config.json")):
        return config.parent.name  # the cache's folder of a commit
    if not (files := weight_files(path)):
        raise UnavailableError(f"'{path}' has no weight files by which it could be told from others")
    digest = hashlib.sha256()
    for weights in files:
        with weights.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256={digest.hexdigest()[:12]}"


def weight_files(path: str) -> list[Path]:
    """The weight files of a folder, or of the hub's cache."""
    config = _cached(path, "config.json")
    folder = config.parent if config and not Path(path).is_dir() else Path(path)
    return sorted(folder.glob("*.safetensors"))


def _cached(path: str, file: str) -> Path | None:
    """Where the hub's cache has a file; None where it has not, and for what is no model id."""
    try:
        found = huggingface_hub.try_to_load_from_cache(path, file)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def _has_weights(path: str) -> bool:
    """Whether the hub's cache has a model's weights: one file, or all those that an index names."""
    index = _cached(path, "model.safetensors.index.json")
    if index is None:
        return _cached(path, "model.safetensors") is not None
    try:
        shards = set(json.loads(index.read_text())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return all(_cached(path, shard) for shard in shards)


def positions(model: Any) -> int | None:
    """How many tokens the model can read at once; None where its configuration does not say."""
    largest: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return largest - _first_position(model) if largest else None


def _first_position(model: Any) -> int:
    """Of a text's first token: RoBERTa and its kin count from behind the row that padding has."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


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
    """The library asks the hub nothing, not even whom it counts as an agent, which local_files_only leaves it."""
    constants: Any = huggingface_hub.constants
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers' warnings and progress bars off, and afterwards as they were."""
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
