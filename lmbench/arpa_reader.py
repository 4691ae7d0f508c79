"""Reading ARPA text strictly: what is wrong with a file, and in which line; and n-grams that KenLM does not read.

The format is Doug Paul's, as SRILM's manual page ngram-format(5) has it: any text, ``\\data\\`` with the number of
n-grams of each order, the n-grams of each, ``\\end\\``. Of the order 1 too, and of any order up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lmbench.arpa import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD
from lmbench.backoff import Order
from lmbench.compression import BROKEN, opened
from lmbench.errors import UnavailableError
from lmbench.exhibit import printable

_COUNT = re.compile(rb"ngram +(\d+) *= *(\d+)")
_HEADER = re.compile(rb"\\(\d+)-grams:")
_WHITE = b" \t\r\n"
_ABSENT = -100.0  # log10: what KenLM gives <unk> where the file does not
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class ArpaText:
    """The n-grams of an ARPA file: words, the ids of the unigrams; orders, from unigrams up."""

    words: dict[str, int]
    orders: list[Order]


def read_arpa(path: Path) -> ArpaText:
    """The n-grams of an ARPA file, plain or compressed. Raises UnavailableError with the line and what is wrong."""
    with opened(path) as file:
        lines = _Lines(file, path)
        try:
            return _read(lines)
        except BROKEN as error:
            raise lines.wrong(f"the compressed file cannot be read on: {error}") from error


class _Lines:
    """Lines that are not blank, with their numbers for errors."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path
        self._number = 0

    def __iter__(self) -> Iterator[bytes]:
        for number, line in enumerate(self._file, start=1):
            self._number = number
            if stripped := line.strip(_WHITE):
                yield stripped

    def wrong(self, reason: str) -> UnavailableError:
        return UnavailableError(f"'{self._path}', line {self._number}: {reason}")


def _read(lines: _Lines) -> ArpaText:
    rest = iter(lines)
    if not any(line == b"\\data\\" for line in rest):
        raise lines.wrong("the file ends, and no line of it is '\\data\\', so it is no ARPA file")
    counts, header = _counts(lines, rest)
    rows: dict[tuple[int, ...], int] = {}
    words: dict[str, int] = {}
    entries: list[list[tuple[tuple[int, ...], float, float]]] = []
    for order in range(1, len(counts) + 1):
        if header != b"\\%d-grams:" % order:
            raise lines.wrong(f"'\\{order}-grams:' is due here, not {_shown(header)}")
        section, header = _section(lines, rest, order, words, rows)
        if len(section) != counts[order - 1]:
            raise lines.wrong(
                f"the {order}-grams end here after {len(section):,}, and the head promised {counts[order - 1]:,}"
            )
        entries.append(section)
    if header != b"\\end\\":
        raise lines.wrong(f"'\\end\\' is due here, not {_shown(header)}")
    if SENTENCE_END not in words:
        raise lines.wrong(f"the file has no unigram '{SENTENCE_END}', so no line could end")
    return ArpaText(words, _orders(entries, words))


def _counts(lines: _Lines, rest: Iterator[bytes]) -> tuple[list[int], bytes]:
    """The numbers of n-grams that the head names, and the line after it."""
    counts: list[int] = []
    for line in rest:
        if line.startswith(b"\\"):
            if not counts:
                raise lines.wrong("the head names no number of n-grams; 'ngram 1=…' is due")
            return counts, line
        found = _COUNT.fullmatch(line)
        if not found or int(found[1]) != len(counts) + 1:
            raise lines.wrong(f"'ngram {len(counts) + 1}=…' or '\\1-grams:' is due here, not {_shown(line)}")
        counts.append(int(found[2]))
    raise lines.wrong("the file ends within its head")


def _section(
    lines: _Lines, rest: Iterator[bytes], order: int, words: dict[str, int], rows: dict[tuple[int, ...], int]
) -> tuple[list[tuple[tuple[int, ...], float, float]], bytes]:
    """The n-grams of one order as (ids, log10 probability, log10 back-off), and the line after them."""
    section: list[tuple[tuple[int, ...], float, float]] = []
    for line in rest:
        if line.startswith(b"\\") and (line == b"\\end\\" or _HEADER.fullmatch(line)):
            return section, line
        fields = line.replace(b"\t", b" ").split(b" ")
        fields = [field for field in fields if field]
        if len(fields) not in (order + 1, order + 2):
            raise lines.wrong(
                f"a probability, {order} word{'s' * (order > 1)} and, at most, a back-off are due, not {_shown(line)}"
            )
        probability = _number(lines, fields[0], "probability")
        if probability > 0:
            raise lines.wrong(f"the log10 probability {probability:g} is above 0")
        backoff = _number(lines, fields[-1], "back-off") if len(fields) > order + 1 else 0.0
        ids = tuple(_id(lines, field, words, new=order == 1) for field in fields[1 : order + 1])
        if ids in rows:
            raise lines.wrong(f"the n-gram {_shown(b' '.join(fields[1 : order + 1]))} stands twice")
        if order > 1 and ids[:-1] not in rows:
            raise lines.wrong(f"{_shown(b' '.join(fields[1:order]))}, which this begins with, is no {order - 1}-gram")
        rows[ids] = len(section)
        section.append((ids, probability, backoff))
    raise lines.wrong(f"the file ends within the {order}-grams, without '\\end\\'")


def _number(lines: _Lines, field: bytes, what: str) -> float:
    try:
        value = float(field)
    except ValueError:
        raise lines.wrong(f"the {what} {_shown(field)} is no number") from None
    if math.isnan(value) or value == math.inf:
        raise lines.wrong(f"the {what} {_shown(field)} is no finite number")
    return value


def _id(lines: _Lines, field: bytes, words: dict[str, int], new: bool) -> int:
    try:
        word = field.decode()
    except UnicodeDecodeError:
        raise lines.wrong(f"the word {_shown(field)} is not UTF-8") from None
    if word.lower() == UNKNOWN_WORD:
        word = UNKNOWN_WORD
    if new:
        return words.setdefault(word, len(words))
    if word not in words:
        raise lines.wrong(f"the word {_shown(field)} is no unigram")
    return words[word]


def _orders(entries: list[list[tuple[tuple[int, ...], float, float]]], words: dict[str, int]) -> list[Order]:
    """Sorted arrays. ``<unk>`` and ``<s>`` are added where they are missing, as KenLM does."""
    for word in (UNKNOWN_WORD, SENTENCE_START):
        if word not in words:
            words[word] = len(words)
            entries[0].append(((words[word],), _ABSENT, 0.0))
    bits = len(words).bit_length()
    orders: list[Order] = []
    below: dict[tuple[int, ...], int] = {(): 0}
    for section in entries:
        section.sort()
        keys = np.array([below[ids[:-1]] << bits | ids[-1] for ids, _, _ in section], dtype=np.int64)
        probs = 10.0 ** np.array([probability for _, probability, _ in section])
        backoffs: NDArray[np.float64] = 10.0 ** np.array([backoff for _, _, backoff in section])
        orders.append(Order(keys, bits, probs, backoffs))
        below = {ids: row for row, (ids, _, _) in enumerate(section)}
    while len(orders) > 1 and not len(orders[-1].keys):
        orders.pop()
    return orders


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return f"'{printable(shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}…')}'"
