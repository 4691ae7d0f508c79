"""Read ARPA text strictly and fast: either its n-grams as sorted arrays, or what is wrong with it, and in which line.

The format is Doug Paul's, as SRILM's manual page ngram-format(5) describes it: any text; ``\\data\\`` with the number
of n-grams of each order; the n-grams of each order; ``\\end\\``. Files of any order are read, from order 1 up. A file
is refused if looking up a probability would not give what its author meant: an n-gram is listed twice, the history of
an n-gram is not listed, or it lacks the back-off weight without which the probabilities after it sum to more than 1.

Some toolkits count n-grams across lines, such as ``</s> <s> the``. They are left out, since every line begins with an
empty history.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lmbench.arrays import Flags, Ints
from lmbench.compression import READ_ERRORS, open_decompressed
from lmbench.ngrams.arpa_checks import check_backoffs, check_highest_backoffs, sort_section
from lmbench.ngrams.arpa_lines import ArpaLines, quote
from lmbench.ngrams.arpa_sections import SectionReader
from lmbench.ngrams.arpa_words import ArpaVocabulary, WordList
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.ids import LINE_END_ID
from lmbench.progress import SILENT, Progress

_COUNT = re.compile(rb"ngram[ \t]+(\d{1,18})[ \t]*=[ \t]*(\d{1,18})")  # IRSTLM writes a tab after the sign
_NOT_BACK_OFF = (b"iARPA", b"\\interpolated")  # IRSTLM and VariKN announce interpolated probabilities in this way


@dataclass(frozen=True, slots=True)
class ArpaText:
    """The n-grams of an ARPA file.

    Attributes:
        words: The unigrams: ``<unk>``, ``</s>``, the others in the file's order, ``<s>``.
        orders: From unigrams up. ``<unk>`` and ``<s>`` are added if the file lacks them, as in KenLM. N-grams with
            ``<s>`` after the first word or ``</s>`` before the last one are left out.
        counts: The number of n-grams of each order in the file.
        opens: Whether the file has ``<s>``.
    """

    words: list[str]
    orders: list[Order]
    counts: list[int]
    opens: bool


def read_arpa(path: Path, progress: Progress = SILENT) -> ArpaText:
    """Read the n-grams of an ARPA file, plain or compressed.

    Raises:
        UnavailableError: The file is malformed; the message gives the line and the reason.
    """
    with open_decompressed(path) as file:
        lines = ArpaLines(file, path)
        try:
            return _read(lines, progress)
        except READ_ERRORS as error:
            raise lines.error(f"the compressed file cannot be read any further: {error}", _readable(path)) from error


def _readable(path: Path) -> int:
    """Return the number of the last line that can be decompressed, or 1."""
    number = 0
    with open_decompressed(path) as file, suppress(*READ_ERRORS):
        for _ in file:
            number += 1
    return max(number, 1)


def _read(lines: ArpaLines, progress: Progress) -> ArpaText:
    counts, heading = _read_header(lines)
    vocabulary, orders = _read_ngrams(lines, counts, heading, progress)
    orders = _without_empty(_within_lines(orders, start=len(vocabulary.words) - 1))
    return ArpaText(vocabulary.words, orders, counts, vocabulary.opens)


def _read_ngrams(
    lines: ArpaLines, counts: Sequence[int], heading: bytes, progress: Progress
) -> tuple[ArpaVocabulary, list[Order]]:
    """Read and check all n-grams, up to the end of the file. `heading` is the line before them."""
    sections = SectionReader(lines, counts, progress)
    word_list = WordList(lines, progress)
    unigrams, heading = sections.read(1, heading, word_list.add)
    vocabulary = word_list.finish()
    tables = [sort_section(lines, vocabulary.complete(unigrams), vocabulary.words, below=[])]
    for order in range(2, len(counts) + 1):
        section, heading = sections.read(order, heading, vocabulary.find)
        tables.append(sort_section(lines, section, vocabulary.words, [table.order for table in tables]))
        check_backoffs(lines, tables, vocabulary.words)
    check_highest_backoffs(lines, tables[-1])
    lines.expect(b"\\end\\", heading)
    if after := lines.next():
        raise lines.error(f"expected nothing after '\\end\\', found {quote(after)}")
    return vocabulary, [table.order for table in tables]


def _read_header(lines: ArpaLines) -> tuple[list[int], bytes]:
    """Return the number of n-grams of each order, and the heading after them."""
    while (line := lines.next()) != b"\\data\\":
        if not line:
            raise lines.no_data()
        if line in _NOT_BACK_OFF:
            raise lines.error(f"{quote(line)} marks interpolated probabilities; convert the file to plain ARPA")
    counts: list[int] = []
    while line := lines.next():
        if counts and line.startswith(b"\\"):
            return counts, line
        found = _COUNT.fullmatch(line)
        if not found or int(found[1]) != len(counts) + 1:
            expected = f"'ngram {len(counts) + 1}=…'" + (" or '\\1-grams:'" if counts else "")
            raise lines.error(f"expected {expected}, found {quote(line)}")
        counts.append(int(found[2]))
    raise lines.error("the file ends within its header")


def _within_lines(orders: Sequence[Order], start: int) -> list[Order]:
    """Leave out n-grams with ``<s>``, whose id is `start`, after the first word or ``</s>`` before the last one."""
    within = [orders[0]]
    rows = np.arange(len(orders[0].keys))  # of each n-gram in what is left; -1 for one that no line has as a history
    rows[LINE_END_ID] = -1
    for order in orders[1:]:
        histories, words = rows[order.history], order.word
        kept = (histories >= 0) & (words != start)
        within.append(_choose(order, kept, histories))
        rows = np.where(kept & (words != LINE_END_ID), np.cumsum(kept) - 1, -1)
    return within


def _choose(order: Order, kept: Flags, histories: Ints) -> Order:
    """Return the n-grams that are kept, whose histories have new rows. A copy is made only if something changes."""
    keys = histories << order.bits | order.word
    if kept.all() and np.array_equal(keys, order.keys):
        return order
    return Order(keys[kept], order.bits, order.probs[kept], order.backoffs[kept])


def _without_empty(orders: list[Order]) -> list[Order]:
    """Drop the highest orders if they are empty and the back-offs to them are 1. Drop the highest order's back-offs."""
    last = len(orders)
    while last > 1 and not len(orders[last - 1].keys) and (orders[last - 2].backoffs == 1).all():
        last -= 1
    return [*orders[: last - 1], replace(orders[last - 1], backoffs=np.zeros(0))]
