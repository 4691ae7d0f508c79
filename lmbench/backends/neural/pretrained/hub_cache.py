"""Files of pretrained models on this machine: in a folder, or in the cache of the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HFValidationError

from lmbench.errors import UnavailableError

_VOCABULARY = re.compile(r"tokenizer\.json|vocab.*|.*\.(model|spm)")


def cached_file(model_id: str, name: str) -> Path | None:
    """Return the path of a model's file in the hub's cache; None if it is not there, or if this is not a model id."""
    try:
        found = huggingface_hub.try_to_load_from_cache(model_id, name)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def has_cached_weights(model_id: str) -> bool:
    """Return whether the hub's cache holds a model's weights: one file, or every file that an index names."""
    index = cached_file(model_id, "model.safetensors.index.json")
    if index is None:
        return cached_file(model_id, "model.safetensors") is not None
    try:
        shards = set(json.loads(index.read_text())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return all(cached_file(model_id, shard) for shard in shards)


def weight_files(path: str) -> list[Path]:
    """Return the weight files of a folder, or of a model in the hub's cache."""
    config = cached_file(path, "config.json")
    folder = config.parent if config and not Path(path).is_dir() else Path(path)
    return sorted(folder.glob("*.safetensors"))


def revision(path: str) -> str:
    """Return which weights these are: the hub's commit, or the first digits of the SHA-256 of a folder's weight files.

    Raises:
        UnavailableError: The weight files are missing.
    """
    if not Path(path).is_dir() and (config := cached_file(path, "config.json")):
        return config.parent.name  # the cache names the folder of a commit after it
    if not (files := weight_files(path)):
        raise UnavailableError(f"'{path}' does not contain *.safetensors files, which identify the weights")
    digest = hashlib.sha256()
    for weights in files:
        with weights.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256={digest.hexdigest()[:12]}"


def describe_missing(folder: Path) -> str:
    """Return what a folder lacks that every model needs, or "" if nothing. The library's message fills many lines."""
    files = {file.name for file in folder.iterdir()}
    if "config.json" not in files:
        return "config.json is missing"
    if not any(name.endswith(".safetensors") for name in files):
        pickled = sorted(name for name in files if name.endswith((".bin", ".pt", ".pth")))
        if pickled:
            return f"its weights, {pickled[0]}, are pickled; convert them to safetensors"
        return "*.safetensors is missing"
    if not any(map(_VOCABULARY.fullmatch, files)):
        return "tokenizer.json or another vocabulary is missing"
    return ""
