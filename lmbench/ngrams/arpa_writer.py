"""Write n-grams as an ARPA file that KenLM reads, with any text as a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmbench.arrays import AnyFloats, Flags, Ints
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.counts import slices

if TYPE_CHECKING:
    import pyarrow as pa

SENTENCE_START, SENTENCE_END, UNKNOWN_WORD = "<s>", "</s>", "<unk>"
_RESERVED = re.compile(r"(?i)</?s>|<unk>")
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f]")
_UNREADABLE = re.compile(r"[\0\t\n\r ]")  # the separators of ARPA files, and what ends a string in C
_KENLM_RESERVED = re.compile(r"</?s>|<unk>|<UNK>")
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")
_LINES_AT_ONCE = 500_000


def escape(kind: str) -> str:
    """Return the ARPA word of an event type: without white space, and never a reserved word such as ``<s>``.

    A backslash begins an escape: ``\\\\`` is a backslash, ``\\x20`` a space, and ``\\<s>`` the type ``<s>``.
    Different types have different words.
    """
    word = _UNWRITABLE.sub(lambda match: f"\\x{ord(match.group()):02x}", kind.replace("\\", "\\\\"))
    return "\\" + word if _RESERVED.fullmatch(word) else word


def unescape(word: str) -> str:
    """Return the event type whose ARPA word, by `escape`, this is."""
    if word.startswith("\\") and _RESERVED.fullmatch(word[1:]):
        return word[1:]
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "\\", word)


def is_word(kind: str) -> bool:
    """Return whether an event type can be a word of KenLM: without separators, and not a reserved word."""
    return not (_UNREADABLE.search(kind) or _KENLM_RESERVED.fullmatch(kind))


def write_arpa(path: Path, orders: Sequence[Order], words: Sequence[str], kept: Flags) -> None:
    """Write n-grams as ARPA text, with log10 probabilities and back-offs in float32's precision.

    Args:
        path: The file to write.
        orders: From unigrams up.
        words: The ARPA word of each unigram; ``<s>`` is the last.
        kept: (words,) whether the unigram is written.
    """
    sizes = [int(np.count_nonzero(kept)), *(len(order.keys) for order in orders[1:])]
    with path.open("wb") as file:
        file.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % (k, size) for k, size in enumerate(sizes, start=1)))
        for k, (order, texts) in enumerate(zip(orders, _ngram_texts(orders, words), strict=True), start=1):
            file.write(b"\n\\%d-grams:\n" % k)
            rows = np.flatnonzero(kept) if k == 1 else np.arange(len(order.keys))
            for part in slices(len(rows), _LINES_AT_ONCE):
                file.write(_lines(order, texts, rows[part], is_highest=k == len(orders)))
        file.write(b"\n\\end\\\n")


def _ngram_texts(orders: Sequence[Order], words: Sequence[str]) -> Iterator[pa.Array]:
    """Yield the texts of each order's n-grams, (n-grams,)."""
    # imported here: reading ARPA and estimating do without
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = vocabulary = pa.array(words)
    yield texts
    for order in orders[1:]:
        texts = pc.binary_join_element_wise(texts.take(order.history), vocabulary.take(order.word), " ")
        yield texts


def _lines(order: Order, texts: pa.Array, rows: Ints, is_highest: bool) -> bytes:
    """Return the lines of some n-grams: probability, words, and back-off unless the order is the highest."""
    import pyarrow.compute as pc

    columns = [_log10(np.minimum(order.probs[rows], 1)), texts.take(rows)]
    if not is_highest:
        columns.append(_log10(order.backoffs[rows]))
    lines = pc.binary_join_element_wise(*columns, "\t")
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _log10(values: AnyFloats) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pa.array(np.log10(values).astype(np.float32)), pa.string())
