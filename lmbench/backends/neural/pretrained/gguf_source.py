"""Models in GGUF files: where they are, and what identifies them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from lmbench.backends.neural.pretrained.gguf_file import SUFFIX, GgufFile
from lmbench.backends.neural.pretrained.model_files import UnusableFileError, fingerprint
from lmbench.checksum import hash_file
from lmbench.errors import UnavailableError
from lmbench.identity import digest

_REMEMBERED = 64  # files; every cell of a run asks for the same ones


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
        return cls._of(folder / found[0], _own_vocabulary(folder))

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


def _own_vocabulary(folder: Path) -> tuple[Path, ...]:
    """Return the files of a model's own tokenizer in a folder; none without a tokenizer.json."""
    names = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
    files = tuple(folder / name for name in names if (folder / name).is_file())
    return files if (folder / names[0]).is_file() else ()


@lru_cache(_REMEMBERED)
def _hash_once(path: Path, _fingerprint: tuple[int, int, int]) -> str:
    """Return the SHA-256 of a file, which is read again if its fingerprint changes."""
    return hash_file(path)


@lru_cache(_REMEMBERED)
def _find_quantization(path: Path, _fingerprint: tuple[int, int, int]) -> str:
    """Return how a file stores its numbers; the header is read again if the file's fingerprint changes."""
    return GgufFile.read(path).quantization
