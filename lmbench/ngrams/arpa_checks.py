"""Sort the n-grams of an ARPA file, and check that they form a back-off model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Flags, Ids, Ints
from lmbench.ngrams.arpa_lines import ArpaLines, quote
from lmbench.ngrams.arpa_sections import ArpaSection
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.history_sums import history_sums, ngram_words
from lmbench.ngrams.ids import LINE_END_ID

_LEEWAY = 1e-2  # error of a sum of probabilities that are written with only two digits


@dataclass(frozen=True, slots=True)
class SortedSection:
    """The n-grams of one order, sorted.

    Attributes:
        order: The n-grams.
        bare: (n-grams,) whether the file does not give a back-off.
        numbers: (n-grams,) numbers of their lines.
    """

    order: Order
    bare: Flags
    numbers: Ints


def sort_section(lines: ArpaLines, section: ArpaSection, words: Sequence[str], below: Sequence[Order]) -> SortedSection:
    """Sort the n-grams of one order.

    Raises:
        UnavailableError: An n-gram is listed twice, or its history is not listed.
    """
    bits = len(words).bit_length()
    keys = _find_histories(lines, section, words, below) << bits | section.ids[:, -1]
    by_key = np.argsort(keys, kind="stable")
    keys = keys[by_key]
    if (same := keys[1:] == keys[:-1]).any():
        first = int(by_key[1:][same].min())
        ngram = _quote_words(section.ids[first], words)
        raise lines.error(f"the n-gram {ngram} is listed twice", int(section.numbers[first]))
    backoffs = section.backoffs[by_key]
    order = Order(keys, bits, 10.0 ** section.logs[by_key], 10.0 ** np.nan_to_num(backoffs, neginf=-np.inf))
    return SortedSection(order, np.isnan(backoffs), section.numbers[by_key])


def _find_histories(lines: ArpaLines, section: ArpaSection, words: Sequence[str], below: Sequence[Order]) -> Ints:
    """Return the row of each n-gram's history in the order below, (n-grams,); 0 for unigrams."""
    if not below:
        return np.zeros(len(section.ids), dtype=np.int64)
    history = section.ids[:, 0].astype(np.int64)
    for k, order in enumerate(below[1:], start=1):
        history = _sorted_rows(order, history, section.ids[:, k])
    if (history < 0).any():
        first = int(np.argmax(history < 0))
        missing = _quote_words(section.ids[first, :-1], words)
        reason = f"{missing}, with which this n-gram begins, is not a {len(below)}-gram"
        raise lines.error(reason, int(section.numbers[first]))
    return history


def _sorted_rows(order: Order, histories: Ints, words: Ids) -> Ints:
    """Look up n-grams; -1 for one that is not listed. They are sorted first, which is several times as fast."""
    by_key = np.argsort(histories << order.bits | words)
    rows = np.empty(len(histories), dtype=np.int64)
    rows[by_key] = order.rows(histories[by_key], words[by_key])
    return rows


def check_backoffs(lines: ArpaLines, tables: Sequence[SortedSection], words: Sequence[str]) -> None:
    """Check the histories of the highest order that lack a back-off weight.

    The format demands one for each. Every reader takes a missing one as 1, and some writers mean that. If the
    probabilities then sum to less than 1, as in a test file of KenLM, the file is read, and `lmbench check` reports it.

    Raises:
        UnavailableError: The probabilities after such a history, which a line may have, sum to more than 1.
    """
    *_, lower, highest = tables
    if not lower.bare[highest.order.history].any():
        return
    orders = [table.order for table in tables]
    histories, sums = history_sums(orders)
    wrong = np.flatnonzero(lower.bare[histories] & (sums > 1 + _LEEWAY))
    ids = ngram_words(orders[:-1], histories[wrong])
    wrong = wrong[(ids != LINE_END_ID).all(axis=1) & (ids[:, 1:] != len(words) - 1).all(axis=1)]
    if wrong.size:
        first = wrong[np.argmin(lower.numbers[histories[wrong]])]
        row = histories[first]
        [ids] = ngram_words(orders[:-1], np.array([row]))
        history = f"{_quote_words(ids, words)} begins {len(tables)}-grams and lacks a back-off"
        raise lines.error(f"{history}: the probabilities after it sum to {sums[first]:.4g}", int(lower.numbers[row]))


def check_highest_backoffs(lines: ArpaLines, highest: SortedSection) -> None:
    """Check that the back-off weights of the highest order, if the file gives any, are 1.

    Raises:
        UnavailableError: One is not.
    """
    weighted = highest.numbers[highest.order.backoffs != 1]
    if weighted.size:
        reason = "an n-gram of the highest order has a back-off, but only shorter ones may"
        raise lines.error(reason, int(weighted.min()))


def _quote_words(ids: Ids, words: Sequence[str]) -> str:
    return quote(" ".join(words[i] for i in ids).encode())
