"""Models in the cache of the Hugging Face hub on this machine."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HFValidationError


def cached_file(model_id: str, name: str) -> Path | None:
    """Return the path of a model's file in the hub's cache; None if it is not there, or if this is not a model id."""
    try:
        found = huggingface_hub.try_to_load_from_cache(model_id, name)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def cached_snapshot(model_id: str) -> Path | None:
    """Return the folder of a model's current commit in the hub's cache, which is named after it; None if not there."""
    config = cached_file(model_id, "config.json")
    return config.parent if config else None
