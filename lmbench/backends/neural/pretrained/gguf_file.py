"""GGUF files: their header, read and checked before a library opens the file.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md describes the format.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from lmbench.arrays import Floats
from lmbench.backends.neural.pretrained.model_files import UnusableFileError

SUFFIX = ".gguf"
_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_HEADER_SIZE = 128 << 20  # bytes; the largest known vocabularies have 20 MB
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4
_MOST_ITEMS = 1 << 16  # keys or tensors; known models have a few thousand
_MOST_NUMBERS = 1 << 23  # in all arrays; each takes up to 48 bytes here, and known vocabularies have 600,000
_LONGEST_TOKEN = 1 << 16  # bytes
_ALIGNMENTS = tuple(1 << power for power in range(3, 17))
_USUAL_COUNT = 256
_LONGEST = 1 << 24  # positions; the longest known model reads 10 million


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor of a GGUF file.

    Attributes:
        name: Its name.
        shape: Its shape, in ggml's order: the rows' length first.
        kind: How its numbers are stored.
        offset: Where its bytes begin, from the end of the header.
    """

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    offset: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Its size in bytes."""
        block, size = GGML_QUANT_SIZES[self.kind]
        return self.numbers // block * size


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The header of a GGUF file that is whole.

    Attributes:
        path: The file.
        metadata: The values of its keys.
        spans: Where each key and its value begin and end in the file, in bytes.
        tensors: Its tensors.
        table: Where the table of the tensors begins and ends.
    """

    path: Path
    metadata: dict[str, Any]
    spans: dict[str, tuple[int, int]]
    tensors: tuple[GgufTensor, ...]
    table: tuple[int, int]

    @classmethod
    def read(cls, path: Path) -> GgufFile:
        """Read the header of a file, and check it.

        Raises:
            UnusableFileError: The file is not a GGUF file, is damaged, or describes more than it holds.
        """
        try:
            with path.open("rb") as file:
                start = file.read(_HEADER_SIZE)
            size = path.stat().st_size
        except OSError as error:
            raise UnusableFileError(f"it cannot be read: {error.strerror}") from error
        try:
            return _read(path, _Cursor(start), size)
        except (struct.error, UnicodeDecodeError, OverflowError) as error:
            raise UnusableFileError("its header is damaged or cut off") from error

    @property
    def alignment(self) -> int:
        """Every offset in the file is a multiple of this number."""
        return int(self.metadata.get("general.alignment", 32))

    @property
    def data_start(self) -> int:
        """Where the bytes of the tensors begin: after the header and its padding."""
        return -(-self.table[1] // self.alignment) * self.alignment

    @property
    def architecture(self) -> str:
        """The name of the network's architecture."""
        return str(self.metadata["general.architecture"])

    @property
    def tokens(self) -> list[str]:
        """The names of the tokens, by id."""
        return list(self.metadata["tokenizer.ggml.tokens"])

    @property
    def quantization(self) -> str:
        """How the numbers are stored, as in ``Q4_1+Q8_0+F32``: the most frequent kind first."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors:
            counts[tensor.kind.name] += tensor.numbers
        return "+".join(name for name, _ in counts.most_common())

    def read_floats(self, name: str) -> Floats | None:
        """Return the numbers of a tensor in float32; None if there is none, or if it is stored in another way."""
        found = [tensor for tensor in self.tensors if tensor.name == name and tensor.kind.name == "F32"]
        if not found:
            return None
        start = self.data_start + found[0].offset
        return np.fromfile(self.path, "<f4", found[0].numbers, offset=start).astype(np.float64)

    @property
    def numbers(self) -> int:
        """How many numbers all tensors hold."""
        return sum(tensor.numbers for tensor in self.tensors)


class _Cursor:
    """Reads values one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0
        self._numbers = 0  # in arrays, so far

    def take(self, form: str) -> tuple[Any, ...]:
        """Return numbers of a format of the module struct. They are little-endian."""
        values = struct.unpack_from(f"<{form}", self.data, self.position)
        self.position += struct.calcsize(f"<{form}")
        return values

    def number(self, form: str) -> int:
        """Return one number."""
        return int(self.take(form)[0])

    def text(self) -> str:
        """Return a string: its length, and its bytes."""
        length = self.number("Q")
        end = self.position + length
        if end > len(self.data):
            raise UnusableFileError("its header is damaged or cut off")
        self.position = end
        return self.data[end - length : end].decode()

    def value(self, kind: int) -> Any:
        """Return a value of a kind."""
        if kind in _FORMATS:
            return self.take(_FORMATS[kind])[0]
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise UnusableFileError(f"its header has a value of the unknown kind {kind}")
        inner, count = self.take("IQ")
        if inner not in (*_FORMATS, _STRING) or count > len(self.data) - self.position:
            raise UnusableFileError("its header has an array that is damaged or nested")
        return [self.text() for _ in range(count)] if inner == _STRING else self._list_numbers(count, _FORMATS[inner])

    def _list_numbers(self, count: int, form: str) -> list[Any]:
        self._numbers += count
        if self._numbers > _MOST_NUMBERS:
            raise UnusableFileError(f"its header has arrays of more than {_MOST_NUMBERS:,} numbers")
        return list(self.take(f"{count}{form}"))


def _read(path: Path, cursor: _Cursor, size: int) -> GgufFile:
    if cursor.data[:4] != _MAGIC:
        raise UnusableFileError("it is not a GGUF file")
    _, version, number, keys = cursor.take("4sIQQ")
    if version not in _VERSIONS:
        raise UnusableFileError(f"its GGUF version is {version}; 2 and 3 are supported")
    if max(keys, number) > _MOST_ITEMS:
        raise UnusableFileError(f"its header is damaged, or has more than {_MOST_ITEMS:,} keys or tensors")
    metadata: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    for _ in range(keys):
        start = cursor.position
        key = cursor.text()
        if key in metadata:
            raise UnusableFileError(f"its header gives {key[:80]} twice")
        metadata[key] = cursor.value(cursor.number("I"))
        spans[key] = (start, cursor.position)
    _check_metadata(metadata, number)
    start = cursor.position
    tensors = tuple(_read_tensors(cursor, number))
    file = GgufFile(path, metadata, spans, tensors, (start, cursor.position))
    _check_places(file, size)
    return file


def _read_tensors(cursor: _Cursor, number: int) -> Iterator[GgufTensor]:
    kinds = {int(kind): kind for kind in GGML_QUANT_SIZES}
    for _ in range(number):
        name, dimensions = cursor.text(), cursor.number("I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise UnusableFileError(f"its tensor {name[:80]} has {dimensions} dimensions")
        shape = cursor.take(f"{dimensions}Q")
        kind, offset = cursor.take("IQ")
        if kind not in kinds:
            raise UnusableFileError(f"its tensor {name[:80]} is stored in the unknown way {kind}")
        if not all(shape) or shape[0] % GGML_QUANT_SIZES[kinds[kind]][0]:
            raise UnusableFileError(f"its tensor {name[:80]} has the impossible shape {shape}")
        yield GgufTensor(name, shape, kinds[kind], offset)


def _check_places(file: GgufFile, size: int) -> None:
    """Check that the tensors are whole, differ in their names, and do not share bytes."""
    end, known = file.data_start, set()
    for tensor in sorted(file.tensors, key=lambda tensor: tensor.offset):
        start = file.data_start + tensor.offset
        if tensor.name in known or tensor.offset % file.alignment or start < end:
            raise UnusableFileError(f"its tensor {tensor.name[:80]} overlaps another one")
        known.add(tensor.name)
        end = start + tensor.size
        if end > size:
            raise UnusableFileError(f"it is cut off: {tensor.name[:80]} ends at byte {end:,}, the file at {size:,}")


def _check_metadata(metadata: dict[str, Any], tensors: int) -> None:
    """Check the values on which the libraries rely, before they build anything of this size."""
    architecture, tokens = metadata.get("general.architecture"), metadata.get("tokenizer.ggml.tokens")
    if not isinstance(architecture, str) or not re.fullmatch(r"[\w.-]{1,64}", architecture):
        raise UnusableFileError("its header does not name an architecture")
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
        raise UnusableFileError("it does not contain a vocabulary")
    if any(len(token) > _LONGEST_TOKEN for token in tokens):
        raise UnusableFileError(f"its vocabulary has a token of more than {_LONGEST_TOKEN:,} characters")
    if (parts := metadata.get("split.count", 1)) not in (0, 1):
        raise UnusableFileError(f"it is one of {parts} parts of a model; join them with llama-gguf-split --merge")
    if metadata.get("general.alignment", 32) not in _ALIGNMENTS:
        raise UnusableFileError(f"its alignment is {metadata['general.alignment']}")
    for key, value in metadata.items():
        largest = max(filter(_is_number, value if isinstance(value, list) else [value]), default=0)
        if key.endswith("_count") and largest > max(_USUAL_COUNT, tensors):
            raise UnusableFileError(f"its {key[:80]} is {largest:,}, but it holds {tensors:,} tensors")
        if key.endswith("context_length") and largest > _LONGEST:
            raise UnusableFileError(f"its {key[:80]} is {largest:,}; at most {_LONGEST:,} are supported")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
