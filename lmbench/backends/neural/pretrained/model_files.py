"""The files of a model: those that loading reads, whether they are safe to read, and what identifies them."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmbench.checksum import hash_file
from lmbench.errors import UnavailableError

_CONFIG, _INDEX, _TOKENIZER = "config.json", "model.safetensors.index.json", "tokenizer_config.json"
_SETTINGS = (_CONFIG, "generation_config.json", _TOKENIZER, "special_tokens_map.json", "added_tokens.json")
_FAST_VOCABULARY = re.compile(r"tokenizer\..*\bjson")  # also of one version of the library: tokenizer.4.0.0.json
_VOCABULARY = re.compile(
    rf"{_FAST_VOCABULARY.pattern}|vocab.*|merges.*\.txt|.*\.(model|spm|tiktoken|codes)|tekken\.json|dict\.txt"
)
VOCABULARY_SIZE = 128 << 20
"""The most bytes that a vocabulary may have; the largest known have 35 MB."""
_SETTINGS_SIZE = 16 << 20  # bytes; the largest known are 2 MB
_UNREAD_PATHS = ("tokenizer_file", "special_tokens_map_file", "name_or_path", "chat_template")  # left by older versions


class UnusableFileError(Exception):
    """A file that a model cannot be loaded from. The message says which, and why."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one model, as they were when they were checked.

    Attributes:
        folder: The folder that contains them.
        commit: The hub's commit; "" for a folder that the user made.
        config: The content of config.json.
        weights: The safetensors files that are loaded; the folder may contain others.
    """

    folder: Path
    commit: str
    config: dict[str, Any]
    weights: tuple[Path, ...]
    _stats: dict[Path, tuple[int, int, int]] = field(repr=False)

    @classmethod
    def check(cls, folder: Path, commit: str = "") -> ModelFiles:
        """Check every file that loading reads, without reading the weights.

        Raises:
            UnusableFileError: A file is missing, is not a regular file, is too large, or refers to another folder.
        """
        _check_kinds(folder)
        config = read_settings(folder / _CONFIG)
        weights = tuple(folder / name for name in weight_names(folder))
        missing = [file.name for file in weights if not file.is_file()]
        if missing:
            raise UnusableFileError(f"{missing[0]} is missing")
        if not _has_vocabulary(folder):
            raise UnusableFileError("tokenizer.json or another vocabulary is missing")
        _check_references(folder, config)
        files = [*weights, *_other_files(folder)]
        return cls(folder, commit, config, weights, {file: fingerprint(file) for file in files})

    @property
    def disk_bytes(self) -> int:
        """The size of the weights on disk."""
        return sum(path.stat().st_size for path in self.weights)

    def revision(self, fast_tokenizer: bool) -> str:
        """Return what identifies the model: the hub's commit, or the first digits of a SHA-256 of its files.

        Args:
            fast_tokenizer: Whether the tokenizer is a fast one, which does not read other vocabularies than
                tokenizer.json if there is one.

        Raises:
            UnavailableError: A file has changed since the model was loaded.
        """
        if self.commit:
            return self.commit
        digest = hashlib.sha256()
        for path in sorted(self._identifying(fast_tokenizer)):
            digest.update(f"{hash_file(path)} {path.relative_to(self.folder)}\n".encode(errors="surrogateescape"))
        self._check_unchanged()
        return f"sha256={digest.hexdigest()[:12]}"

    @property
    def fast_vocabularies(self) -> list[Path]:
        """The files from which a fast tokenizer may be read: tokenizer.json, and versions of it."""
        return [path for path in self._stats if _FAST_VOCABULARY.fullmatch(path.name)]

    def _identifying(self, fast_tokenizer: bool) -> Iterator[Path]:
        fast = self.fast_vocabularies if fast_tokenizer else []
        for path in self._stats:
            if not (fast and _VOCABULARY.fullmatch(path.name)) or path in fast:
                yield path

    def _check_unchanged(self) -> None:
        for path, before in self._stats.items():
            if not path.is_file() or fingerprint(path) != before:
                raise UnavailableError(f"'{path}' has changed since the model was loaded; start again")


def is_read(name: str) -> bool:
    """Return whether loading reads a file of this name, in the model's folder, besides the weights."""
    return name in (*_SETTINGS, _INDEX, "chat_template.jinja") or _VOCABULARY.fullmatch(name) is not None


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds every weight file that would be loaded, and a vocabulary."""
    try:
        return _has_vocabulary(folder) and all((folder / name).is_file() for name in weight_names(folder))
    except UnusableFileError:
        return False


def _has_vocabulary(folder: Path) -> bool:
    return any(_VOCABULARY.fullmatch(file.name) for file in folder.iterdir())


def weight_names(folder: Path, names: Collection[str] = ()) -> list[str]:
    """Return the names of the weight files that transformers loads from a folder: one, or those that an index names.

    Args:
        folder: The folder, with its configuration and, if there is one, the index.
        names: The names of the files that will be in the folder; by default those that are.

    Raises:
        UnusableFileError: They are not safetensors files of this folder, or there are none.
    """
    explicit = read_settings(folder / _CONFIG).get("transformers_weights")
    name = explicit if explicit is not None else _default_weights(names or {file.name for file in folder.iterdir()})
    _check_plain(name, "transformers_weights of config.json")
    if not name.endswith(".safetensors.index.json"):
        return [name]
    index = read_settings(folder / name, VOCABULARY_SIZE)
    shards = index.get("weight_map")
    if not isinstance(shards, dict) or not shards or not isinstance(index.get("metadata", {}), dict):
        raise UnusableFileError(f"{name} does not map tensors to files")
    for shard in shards.values():
        _check_plain(shard, name)
    return sorted(set(shards.values()))


def _default_weights(names: Collection[str]) -> str:
    for name in ("model.safetensors", _INDEX):
        if name in names:
            return name
    if pickled := sorted(name for name in names if name.endswith((".bin", ".pt", ".pth"))):
        raise UnusableFileError(f"its weights, {pickled[0]}, are pickled; convert them to safetensors")
    if others := sorted(name for name in names if name.endswith(".safetensors")):
        raise UnusableFileError(f"{_INDEX} is missing, which says what {others[0]} contains")
    raise UnusableFileError("*.safetensors is missing")


def _check_plain(name: Any, source: str) -> None:
    """Check that a reference names a safetensors file, or an index of some, of the same folder."""
    plain = isinstance(name, str) and not re.search(r"[/\\\0]", name)
    if not plain or not name.endswith((".safetensors", ".safetensors.index.json")):
        raise UnusableFileError(f"{source} refers to {str(name)[:80]!r}, which is not a safetensors file of the folder")


def _check_kinds(folder: Path) -> None:
    """Check the kind and the size of every file that loading may open, wherever links lead."""
    names = {file.name for file in folder.iterdir()}
    if "adapter_config.json" in names:
        raise UnusableFileError("it contains an adapter; merge it into its base model (PEFT: merge_and_unload)")
    if _CONFIG not in names:
        raise UnusableFileError(f"{_CONFIG} is missing")
    for file in folder.iterdir():
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise UnusableFileError(f"{file.name} is not a regular file")
    for file in _other_files(folder):
        limit = _SETTINGS_SIZE if file.name in _SETTINGS else VOCABULARY_SIZE
        if (size := file.stat().st_size) > limit:
            raise UnusableFileError(f"{file.name} has {size / 2**20:,.0f} MiB, more than the {limit >> 20} allowed")


def _other_files(folder: Path) -> list[Path]:
    """Return the files that loading may read besides the weights."""
    names = [file for file in folder.iterdir() if is_read(file.name)]
    return [file for file in [*names, *folder.glob("additional_chat_templates/*.jinja")] if file.is_file()]


def _check_references(folder: Path, config: dict[str, Any]) -> None:
    """Check that settings do not refer to code or to files elsewhere, which transformers would follow."""
    settings = {_CONFIG: config}
    for name in _SETTINGS[1:]:
        if (folder / name).is_file():
            settings[name] = read_settings(folder / name)
    for version in _listed(settings.get(_TOKENIZER, {}).get("fast_tokenizer_files")):
        if not isinstance(version, str) or re.search(r"[/\\]", version):
            raise UnusableFileError(f"{_TOKENIZER} refers to {str(version)[:80]!r}, which is not a file of the folder")
    for name in (_CONFIG, _TOKENIZER):
        for key, value in strings(settings.get(name, {})):
            if "implementation" in key and "/" in value:
                raise UnusableFileError(f"{name} contains custom code: {key} is {value[:80]!r}")
            if not key.endswith(_UNREAD_PATHS) and _leads_out(value, folder):
                raise UnusableFileError(f"{name} refers to a file outside of the folder: {key} is {value[:80]!r}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _leads_out(value: str, folder: Path) -> bool:
    """Return whether a setting is the path of a file that exists elsewhere."""
    if not re.search(r"[/\\.]", value) or len(value) > 4096 or "\0" in value:
        return False
    try:
        path = Path(value)
        return path.is_file() and not path.resolve().is_relative_to(folder.resolve())
    except OSError:
        return False


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of some JSON, each with the nearest key above it."""
    yield from ((key, value) for key, value in scalars(value, key) if isinstance(value, str))


def scalars(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of some JSON that is not a list or a mapping, each with the nearest key above it."""
    waiting: list[tuple[str, Any]] = [(key, value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((key, item) for item in value)
        else:
            yield key, value


def read_settings(path: Path, limit: int = _SETTINGS_SIZE) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UnusableFileError: It is not one.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode) or path.stat().st_size > limit:
            raise UnusableFileError(f"{path.name} is not a regular file of at most {limit >> 20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableFileError(f"{path.name} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise UnusableFileError(f"{path.name} is nested too deeply") from error
    except ValueError as error:
        raise UnusableFileError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise UnusableFileError(f"{path.name} does not contain a JSON object")
    return content


def fingerprint(path: Path) -> tuple[int, int, int]:
    """Return what changes if a file is written or replaced: its size, its time and its number."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
