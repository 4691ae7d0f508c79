"""Downloads of models from the Hugging Face hub."""

from __future__ import annotations

import urllib.error
import urllib.request

import huggingface_hub

from lmbench.backends.neural.pretrained.hub_cache import cached_file, cached_snapshot
from lmbench.backends.neural.pretrained.model_files import is_read, weight_names

_WEIGHTS = "model.safetensors"  # all weights, if they are in one file
_HUB_TIMEOUT = 5.0  # seconds; the hub's own library would retry for most of a minute


def hub_answers() -> bool:
    """Return whether the hub can be reached."""
    try:
        with urllib.request.urlopen(huggingface_hub.constants.ENDPOINT, timeout=_HUB_TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def missing_bytes(model_id: str) -> int:
    """Return the total size of the files that `download` gets: those that the hub's cache lacks.

    If an index says which files hold the weights, they are taken to be all *.safetensors of the repository.

    Raises:
        OSError: The hub does not list them.
    """
    sizes = _listed_sizes(model_id)
    weights = {_WEIGHTS} if _WEIGHTS in sizes else {name for name in sizes if name.endswith(".safetensors")}
    return sum(
        size
        for name, size in sizes.items()
        if (is_read(name) or name in weights) and cached_file(model_id, name) is None
    )


def download(model_id: str) -> None:
    """Download the files of a model that loading reads into the hub's cache: of the weights, only those that it loads.

    Raises:
        OSError: A file cannot be downloaded.
        UnusableFileError: The model does not have safetensors weights.
    """
    names = _listed_sizes(model_id).keys()
    for name in filter(is_read, names):
        huggingface_hub.hf_hub_download(model_id, name)
    snapshot = cached_snapshot(model_id)
    if snapshot is None:
        raise OSError("config.json is missing")
    for name in weight_names(snapshot, names):
        huggingface_hub.hf_hub_download(model_id, name)


def _listed_sizes(model_id: str) -> dict[str, int]:
    """Return the sizes of the files in a repository's top folder, by name."""
    files = huggingface_hub.HfApi().model_info(model_id, files_metadata=True).siblings or []
    return {file.rfilename: file.size or 0 for file in files if "/" not in file.rfilename}
