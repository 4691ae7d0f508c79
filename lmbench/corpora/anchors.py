"""Anchors: what a test text costs if well-known compressors spell it, given the training text.

A compressor does not give probabilities but code lengths: C(x) bytes for the text x. Given the training text, the test
text costs C(training text + test text) less C(training text). If the training text is the compressor's dictionary, the
test text costs its code length less that of an empty text. Either way, headers and checksums cancel out.
"""

from __future__ import annotations

import bz2
import lzma
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ConfigDict

from lmbench.corpora.memory import format_size
from lmbench.corpus import Corpus, Split

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SHORTEST = 1000  # bytes of a test text; a code of whole bytes is too coarse for a shorter one
_LONGEST = 2 << 20  # bytes of a test text, and of the training text that is used: xz reads 1 MB in about a second
_BZIP2_BLOCK = 890_000  # bytes that bzip2 sorts together, with a reserve: it replaces runs before it counts to 900,000
_ZSTD_LEVEL = 19
_ZSTD_SHORTEST_DICTIONARY = 8  # bytes
_XZ_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 6 | lzma.PRESET_EXTREME},)  # as -9e up to 8 MiB, with less memory


class Anchor(BaseModel):
    """The code length of a test text under a compressor.

    Attributes:
        name: The compressor.
        how: How it is run: "xz -9e with the training text as prefix".
        bits: The bits that the test text costs.
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
        level: The option that sets its effort.
        use: How it uses the training text: "prefix" or "dictionary".
        measure: (training text, test text) -> bytes that the test text costs.
        reach: (bytes of the test text) -> bytes of the training text that it can use.
    """

    name: str
    level: str
    use: str
    measure: Callable[[bytes, bytes], int]
    reach: Callable[[int], int] = lambda size: _LONGEST


def measure_anchors(corpus: Corpus) -> tuple[Anchor, ...]:
    """Measure what the test text of a corpus costs under xz, zstd and bzip2, given the training text.

    The documents are joined. The compressors get the end of the training text, at most 2 MiB, so that no corpus takes
    long. A test text that is shorter than 1,000 bytes or longer than 2 MiB is not measured.
    """
    if not _SHORTEST <= corpus.test.size <= _LONGEST:
        return ()
    test = "".join(corpus.test.documents).encode()
    with ThreadPoolExecutor() as pool:  # the compressors release the lock of the interpreter
        return tuple(pool.map(partial(_measure, train=corpus.train, test=test), _COMPRESSORS))


def _measure(compressor: _Compressor, train: Split, test: bytes) -> Anchor:
    reach = compressor.reach(len(test))
    training = _read_end(train.documents, reach)
    part = f"the last {format_size(reach)} of the" if train.size > reach else "the"
    given = f" with {part} training text as {compressor.use}" if training else ""
    size = max(0, compressor.measure(training, test))
    return Anchor(name=compressor.name, how=f"{compressor.name} {compressor.level}{given}", bits=8 * size)


def _read_end(documents: Sequence[str], size: int) -> bytes:
    """Return the last bytes of the joined documents, at most `size`, without reading many others."""
    count = 1
    while True:
        data = "".join(documents[-count:]).encode()
        if len(data) >= size or count >= len(documents):
            return data[-size:]
        count *= 2


def _measure_bzip2(training: bytes, test: bytes) -> int:
    return len(bz2.compress(training + test)) - len(bz2.compress(training))


def _measure_xz(training: bytes, test: bytes) -> int:
    compress = partial(lzma.compress, format=lzma.FORMAT_RAW, filters=_XZ_FILTERS)
    with ThreadPoolExecutor(2) as pool:  # xz takes most of the time
        whole, part = pool.map(compress, (training + test, training))
    return len(whole) - len(part)


def _measure_zstd(training: bytes, test: bytes) -> int:
    option = zstd.CompressionParameter
    window = (len(training) + len(test)).bit_length()  # covers both
    options: dict[int, int] = {
        option.compression_level: _ZSTD_LEVEL,
        option.window_log: max(window, option.window_log.bounds()[0]),
        option.content_size_flag: False,  # the header of an empty text would be shorter
    }
    usable = len(training) >= _ZSTD_SHORTEST_DICTIONARY
    dictionary = zstd.ZstdDict(training, is_raw=True).as_prefix if usable else None
    whole, empty = (zstd.compress(data, options=options, zstd_dict=dictionary) for data in (test, b""))
    return len(whole) - len(empty)


def _reach_of_bzip2(size: int) -> int:
    """Return the bytes that fit into one block with the test text, but at least half a block."""
    return max(_BZIP2_BLOCK - size, _BZIP2_BLOCK // 2)


_COMPRESSORS = (
    _Compressor("xz", "-9e", "prefix", _measure_xz),
    _Compressor("zstd", f"-{_ZSTD_LEVEL}", "dictionary", _measure_zstd),
    _Compressor("bzip2", "-9", "prefix", _measure_bzip2, _reach_of_bzip2),
)
