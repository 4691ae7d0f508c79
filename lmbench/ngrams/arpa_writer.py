"""Writing n-grams as an ARPA file that KenLM reads, with any text as a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lmbench.ngrams.backoff import Floats, Order

if TYPE_CHECKING:
    import pyarrow as pa

SENTENCE_START, SENTENCE_END, UNKNOWN_WORD = "<s>", "</s>", "<unk>"
_RESERVED = re.compile(r"(?i)</?s>|<unk>")
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f]")
_WHITE = re.compile(r"[\0\t-\r ]")  # of KenLM
_OWN = re.compile(r"</?s>|<unk>|<UNK>")
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")
_CHUNK = 500_000


def escape(kind: str) -> str:
    """An event type as an ARPA word: no white space, and never one of ARPA's own words. One to one.

    A backslash starts an escape: two stand for one, ``\\x20`` for a space, and one before ``<`` marks a literal word.
    """
    word = _UNWRITABLE.sub(lambda match: f"\\x{ord(match.group()):02x}", kind.replace("\\", "\\\\"))
    return "\\" + word if _RESERVED.fullmatch(word) else word


def unescape(word: str) -> str:
    """The event type that `escape` wrote as this word."""
    if word.startswith("\\") and _RESERVED.fullmatch(word[1:]):
        return word[1:]
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "\\", word)


def is_word(kind: str) -> bool:
    """Whether KenLM can have an event type as a word: without its white space, and none of ARPA's own words."""
    return not (_WHITE.search(kind) or _OWN.fullmatch(kind))


def tokenizer_file(path: Path) -> Path:
    """Where what a tokenizer learned stands, beside an ARPA file whose words are its types."""
    return path.with_name(f"{path.name}.tokenizer.json")


def write_arpa(path: Path, orders: Sequence[Order], words: Sequence[str], kept: NDArray[np.bool_]) -> None:
    """Write n-grams as ARPA text: log10 probabilities and back-offs with float32's precision.

    Args: orders, from unigrams up; words, the ARPA word of each unigram, ``<s>`` the last; kept, (words,), whether it
    is written.
    """
    # imported here: reading ARPA and estimating do without
    import pyarrow as pa
    import pyarrow.compute as pc

    vocabulary = pa.array(words)
    sizes = [int(np.count_nonzero(kept)), *(len(order.keys) for order in orders[1:])]
    with path.open("wb") as file:
        file.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % (k, size) for k, size in enumerate(sizes, 1)))
        texts = vocabulary
        for k, order in enumerate(orders, start=1):
            file.write(b"\n\\%d-grams:\n" % k)
            if k > 1:
                texts = pc.binary_join_element_wise(texts.take(order.history), vocabulary.take(order.word), " ")
            rows = np.flatnonzero(kept) if k == 1 else np.arange(len(order.keys))
            for start in range(0, len(rows), _CHUNK):
                part = rows[start : start + _CHUNK]
                columns = [_log10(np.minimum(order.probs[part], 1)), texts.take(part)]
                columns += [_log10(order.backoffs[part])] if k < len(orders) else []
                lines = pc.binary_join_element_wise(*columns, "\t")
                file.write(("\n".join(lines.to_pylist()) + "\n").encode())
        file.write(b"\n\\end\\\n")


def _log10(values: Floats) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pa.array(np.log10(values).astype(np.float32)), pa.string())
