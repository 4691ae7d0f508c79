"""The exhibits of n-grams: how many there are, and what is likely after frequent histories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.backends.ngrams.fitted import FittedNgrams
from lmbench.exhibit import Exhibit, Number
from lmbench.ngrams.arpa_writer import SENTENCE_START
from lmbench.ngrams.backoff import next_probabilities
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID

_SHOWN_HISTORIES = 6  # of each length
_SHOWN_WORDS = 5
_UNKNOWN = "<unknown>"  # not "<unk>", which a text may contain as a word


def ngram_exhibits(
    ngrams: FittedNgrams, columns: Mapping[str, Sequence[Number | None]] | None = None, explanation: str = ""
) -> tuple[Exhibit, ...]:
    """Return the orders, and the most frequent histories with their most likely continuations.

    Args:
        ngrams: The n-grams.
        columns: Further columns of the orders, by their names: (orders,) each.
        explanation: What these columns are, or other facts.
    """
    return _orders(ngrams, columns or {}, explanation), _histories(ngrams)


@dataclass(frozen=True, slots=True)
class _History:
    """A history that the n-grams list.

    Attributes:
        words: Its words, as rows of unigrams.
        row: Its row among the n-grams of its length.
        share: About how probable it is that a text contains it at a place.
    """

    words: tuple[int, ...]
    row: int
    share: float


def _orders(ngrams: FittedNgrams, columns: Mapping[str, Sequence[Number | None]], explanation: str) -> Exhibit:
    sizes = [int(np.count_nonzero(ngrams.kept)), *(len(order.keys) for order in ngrams.orders[1:])]
    backoffs = [float(order.backoffs.mean()) if len(order.backoffs) else None for order in ngrams.orders]
    shows = "the n-grams of each length, and the mean of their back-off weights"
    own = (range(1, len(sizes) + 1), sizes, backoffs)
    return Exhibit(
        title="Orders",
        shows="; ".join(filter(None, (shows, explanation))),
        kind="table",
        columns=("order", "n-grams", "mean back-off", *columns),
        rows=tuple(zip(*own, *columns.values(), strict=True)),
    )


def _histories(ngrams: FittedNgrams) -> Exhibit:
    return Exhibit(
        title="Histories",
        shows="the most frequent histories of each length; the weight with which the model backs off from them to a "
        "history without the first word; how many words are listed after them; and the words that are most likely "
        "there. <s> begins each line, and <unknown> is any word that was too rare in training",
        kind="table",
        columns=("history", "back-off", "words listed", "most likely next"),
        rows=tuple(_rows(ngrams)),
    )


def _rows(ngrams: FittedNgrams) -> Iterator[tuple[Number | str | None, ...]]:
    yield "", None, len(ngrams.orders[0].keys) - 1, _likely_words(ngrams, ())
    for length, histories in enumerate(_frequent_histories(ngrams), start=1):
        weights, longer = ngrams.orders[length - 1].backoffs, ngrams.orders[length]
        for history in histories:
            listed = longer.children(history.row)
            names = " ".join(_name(ngrams, word) for word in history.words)
            yield names, float(weights[history.row]), listed.stop - listed.start, _likely_words(ngrams, history.words)


def _frequent_histories(ngrams: FittedNgrams) -> Iterator[list[_History]]:
    """Yield the most frequent histories of each length. A frequent one continues a frequent shorter one."""
    found = _frequent_words(ngrams) if len(ngrams.orders) > 1 else []
    for order in ngrams.orders[1:]:
        yield found[:_SHOWN_HISTORIES]
        longer = []
        for history in found:
            listed = order.children(history.row)
            probs, words = order.probs[listed], order.words_of(listed)
            for index in _largest(np.where(words > LINE_END_ID, probs, 0.0)):
                share = history.share * float(probs[index])
                longer.append(_History((*history.words, int(words[index])), listed.start + index, share))
        found = _most_frequent(longer)


def _frequent_words(ngrams: FittedNgrams) -> list[_History]:
    """Return the most frequent words, and ``<s>``, which is as frequent as the line end."""
    shares = ngrams.orders[0].probs.astype(np.float64)
    shares[-1] = shares[LINE_END_ID]
    shares[[UNKNOWN_ID, LINE_END_ID]] = 0.0
    return _most_frequent([_History((word,), word, float(shares[word])) for word in _largest(shares)])


def _most_frequent(histories: Sequence[_History]) -> list[_History]:
    return sorted((one for one in histories if one.share > 0), key=lambda one: -one.share)[: 4 * _SHOWN_HISTORIES]


def _likely_words(ngrams: FittedNgrams, history: Sequence[int]) -> str:
    """Return the most likely words after a history, with their probabilities."""
    probs = next_probabilities(ngrams.orders, history)
    probs[-1] = 0.0  # of <s>, which means nothing
    best = _largest(probs)[:_SHOWN_WORDS]
    return ", ".join(f"{_name(ngrams, word)} {probs[word]:.1%}" for word in best if probs[word])


def _largest(values: Floats) -> list[int]:
    """Return the positions of the largest values, the largest first; of equal ones, the first."""
    number = min(4 * _SHOWN_HISTORIES, len(values))
    if not number:
        return []
    candidates: Ints = np.flatnonzero(values >= np.partition(values, -number)[-number])
    best = candidates[np.argsort(-values[candidates], kind="stable")]
    return [int(position) for position in best[:number]]


def _name(ngrams: FittedNgrams, row: int) -> str:
    """Return the word of a unigram in human-readable form."""
    if row == len(ngrams.kept) - 1:
        return SENTENCE_START
    if row == UNKNOWN_ID or not ngrams.kept[row]:
        return _UNKNOWN
    return ngrams.lexicon.display(int(np.count_nonzero(ngrams.kept[:row])))
