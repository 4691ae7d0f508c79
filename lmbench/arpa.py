"""Writing n-grams as an ARPA file that KenLM reads, with any text as a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmbench.kneser_ney import Floats, Order

SENTENCE_START, SENTENCE_END, UNKNOWN_WORD = "<s>", "</s>", "<unk>"
_RESERVED = re.compile(r"(?i)</?s>|<unk>")
_CHUNK = 500_000


def escape(kind: str) -> str:
    """An event type as an ARPA word: no white space, and never one of ARPA's own words. One to one.

    A backslash starts an escape: two stand for one, ``\\x20`` for a space, and one before ``<`` marks a literal word.
    """
    word = re.sub(r"[\x00-\x20\x7f]", lambda match: f"\\x{ord(match.group()):02x}", kind.replace("\\", "\\\\"))
    return "\\" + word if _RESERVED.fullmatch(word) else word


def write_arpa(path: Path, orders: Sequence[Order], words: Sequence[str]) -> None:
    """Write n-grams as ARPA text: log10 probabilities and back-offs with float32's precision.

    Args: orders, from unigrams up; words, the ARPA word of each unigram, ``<s>`` the last.
    """
    vocabulary = pa.array(words)
    with path.open("wb") as file:
        file.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % (k, len(o.word)) for k, o in enumerate(orders, 1)))
        texts = vocabulary
        for k, order in enumerate(orders, start=1):
            file.write(b"\n\\%d-grams:\n" % k)
            if k > 1:
                texts = pc.binary_join_element_wise(texts.take(order.history), vocabulary.take(order.word), " ")
            for start in range(0, len(order.word), _CHUNK):
                rows = slice(start, start + _CHUNK)
                columns = [_log10(order.probs[rows]), texts[rows]]
                columns += [_log10(order.backoffs[rows])] if k < len(orders) else []
                lines = pc.binary_join_element_wise(*columns, "\t")
                file.write(("\n".join(lines.to_pylist()) + "\n").encode())
        file.write(b"\n\\end\\\n")


def _log10(values: Floats) -> pa.Array:
    return pc.cast(pa.array(np.minimum(np.log10(values), 0).astype(np.float32)), pa.string())
