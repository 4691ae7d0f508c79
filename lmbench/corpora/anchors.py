"""Anchors: what a test text costs if well-known compressors spell it, given the training text.

A code length C(text) is the size of the compressed text. The test text is charged C(training text + test text) less
C(training text), so whatever a compressed file holds beside the text, such as a header, cancels out.
"""

from __future__ import annotations

import bz2
import lzma
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from lmbench.corpus import Corpus, Split

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SHORTEST, _LONGEST = 1000, 4 << 20  # bytes of a test text that is measured
_MOST_TRAINING = 2 << 20  # bytes, so that no corpus takes long
_BZIP2_BLOCK = 890_000  # bytes that `bzip2 -9` surely sorts together; a block holds 900,000 after run-length encoding
_ZSTD_LEVEL = 19
_XZ_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME},)


class Anchor(BaseModel):
    """The code length of a test text under a compressor.

    Attributes:
        name: The compressor.
        how: How it was run.
        bits: The bits that it charges for the test text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    how: str
    bits: int


@dataclass(frozen=True, slots=True)
class _Compressor:
    """A compressor.

    Attributes:
        name: Its name.
        command: The command that does the same.
        use: How it is given the training text.
        most_training: (bytes of the test text) -> bytes of the training text that it can use.
        measure: (training text, test text) -> bytes that it charges for the test text.
    """

    name: str
    command: str
    use: str
    most_training: Callable[[int], int]
    measure: Callable[[bytes, bytes], int]


def measure_anchors(corpus: Corpus) -> tuple[Anchor, ...]:
    """Measure what compressors charge for a corpus's test text, all documents joined, given the training text.

    They get as much of the end of the training text as they can use, but at most 2 MiB. A test text of under 1,000
    bytes or over 4 MiB has no anchors.
    """
    if not _SHORTEST <= corpus.test.size <= _LONGEST:
        return ()
    test = "".join(corpus.test.documents).encode()
    return tuple(_measure(compressor, corpus.train, test) for compressor in _COMPRESSORS)


def _measure(compressor: _Compressor, train: Split, test: bytes) -> Anchor:
    most = min(_MOST_TRAINING, compressor.most_training(len(test)))
    training = _last_bytes(train.documents, most)
    given = f"the last {most:,} bytes of the training text" if train.size > most else "the training text"
    use = f", {given} as {compressor.use}" if training else ""
    return Anchor(
        name=compressor.name, how=compressor.command + use, bits=8 * max(0, compressor.measure(training, test))
    )


def _last_bytes(documents: Sequence[str], most: int) -> bytes:
    """Return the last bytes of joined documents, at most this many, without reading many more."""
    count = 1
    while True:
        data = "".join(documents[-count:]).encode()
        if len(data) >= most or count >= len(documents):
            return data[-most:]
        count *= 2


def _measure_bzip2(training: bytes, test: bytes) -> int:
    return len(bz2.compress(training + test)) - len(bz2.compress(training))


def _measure_xz(training: bytes, test: bytes) -> int:
    whole, part = (lzma.compress(data, lzma.FORMAT_RAW, filters=_XZ_FILTERS) for data in (training + test, training))
    return len(whole) - len(part)


def _measure_zstd(training: bytes, test: bytes) -> int:
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {
        parameter.compression_level: _ZSTD_LEVEL,
        parameter.window_log: max(10, (len(training) + len(test)).bit_length()),
        parameter.content_size_flag: 0,
    }
    dictionary = zstd.ZstdDict(training, is_raw=True).as_prefix if len(training) >= 8 else None
    whole, nothing = (zstd.compress(data, options=options, zstd_dict=dictionary) for data in (test, b""))
    return len(whole) - len(nothing)


_COMPRESSORS = (
    _Compressor("xz", "xz -9e", "its prefix", lambda size: _MOST_TRAINING, _measure_xz),
    _Compressor("zstd", f"zstd -{_ZSTD_LEVEL}", "its dictionary", lambda size: _MOST_TRAINING, _measure_zstd),
    _Compressor(
        "bzip2", "bzip2 -9", "its prefix", lambda size: max(_BZIP2_BLOCK - size, _BZIP2_BLOCK // 2), _measure_bzip2
    ),
)
