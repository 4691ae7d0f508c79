"""Estimated n-grams with the lexicon that names their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lmbench.corpus import TrainingText
from lmbench.model import Footprint
from lmbench.ngrams.arpa_writer import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD, escape, tokenizer_file, write_arpa
from lmbench.ngrams.backoff import Order, next_probabilities, probabilities
from lmbench.ngrams.counts import open_ended, open_text
from lmbench.ngrams.ids import LINE_END_ID
from lmbench.score import Score
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, Line


def read_lines(data: TrainingText, options: LexiconOptions) -> tuple[Lexicon, Line]:
    """A training text's lexicon, and its ids with ``<s>``, whose id is the lexicon's length, before each line."""
    lexicon, ids = Lexicon.read(data, options)
    return lexicon, open_ended(ids, LINE_END_ID, len(lexicon))


@dataclass(frozen=True, slots=True)
class FittedNgrams:
    """N-grams and their words.

    lexicon  of the words that have a unigram
    orders   from unigrams up; the last unigram is that of ``<s>``
    kept     (unigrams,) whether the unigram is one of the lexicon's, in order, or ``<s>``; the others were pruned
    """

    lexicon: Lexicon
    orders: Sequence[Order]
    kept: NDArray[np.bool_]

    @classmethod
    def of(cls, lexicon: Lexicon, orders: Sequence[Order], kept: NDArray[np.bool_]) -> FittedNgrams:
        """N-grams estimated over the ids of this lexicon, which is limited to what was kept."""
        return cls(lexicon if kept.all() else lexicon.limited(kept[:-1]), orders, kept)

    @property
    def words(self) -> list[str]:
        """The ARPA word of each id of the lexicon."""
        return [UNKNOWN_WORD, SENTENCE_END, *map(escape, self.lexicon.types[2:])]

    def score(self, documents: Sequence[str]) -> list[Score]:
        """One Score for each document; -inf where the n-grams give an event no probability."""
        start, rows = len(self.kept) - 1, self._rows()

        def logprobs(ids: Line, begins: NDArray[np.bool_]) -> NDArray[np.float64]:
            text, places = open_text(rows[ids], begins, start)
            return _log(probabilities(self.orders, text)[places])

        return self.lexicon.score_text(documents, logprobs)

    def state_after(self, text: str) -> ModelState:
        """The state after `text`."""
        return self.lexicon.state_after(text, self._after)

    def export(self, path: Path) -> None:
        """An ARPA file, beside it what a tokenizer learned; escape() writes a type that ARPA cannot hold."""
        words = np.full(len(self.kept), SENTENCE_START, dtype=object)
        words[self._rows()] = self.words
        write_arpa(path, _at_least_bigrams(self.orders), words.tolist(), self.kept)
        if learned := self.lexicon.tokenizer.state():
            tokenizer_file(path).write_text(learned, encoding="utf-8")

    def footprint(self) -> Footprint:
        """Parameters are the probabilities and back-offs; nothing is on disk."""
        return Footprint(sum(len(order.probs) + len(order.backoffs) for order in self.orders))

    def _after(self, history: Line) -> NDArray[np.float64]:
        rows = self._rows()
        return _log(next_probabilities(self.orders, [len(self.kept) - 1, *rows[history].tolist()])[rows])

    def _rows(self) -> NDArray[np.int32]:
        """The unigram of each of the lexicon's ids."""
        return np.flatnonzero(self.kept[:-1]).astype(np.int32)


def _log(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.log(probs)


def _at_least_bigrams(orders: Sequence[Order]) -> Sequence[Order]:
    """KenLM reads no unigram model: give it one bigram whose probability is what backing off would give."""
    if len(orders) > 1:
        return orders
    [unigrams] = orders
    start, bits = len(unigrams.keys) - 1, unigrams.bits
    end_of_empty_line = Order(
        keys=np.array([start << bits | LINE_END_ID]),
        bits=bits,
        probs=unigrams.probs[[LINE_END_ID]],
        backoffs=np.ones(0),
    )
    return [replace(unigrams, backoffs=np.ones(start + 1)), end_of_empty_line]
