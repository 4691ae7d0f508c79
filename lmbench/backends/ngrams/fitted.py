"""Estimated n-grams together with the lexicon that names their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.arrays import Flags, Floats, Ids
from lmbench.backends.ngrams.arpa_lexicon import ExportedLexicon
from lmbench.corpus import TrainingText
from lmbench.model import Footprint
from lmbench.ngrams.arpa_writer import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD, escape, write_arpa
from lmbench.ngrams.backoff import Order, next_probabilities, probabilities
from lmbench.ngrams.counts import insert_starts, insert_starts_after
from lmbench.ngrams.ids import LINE_END_ID
from lmbench.ngrams.workspace import Workspace
from lmbench.saved import Saved, SavedFacts
from lmbench.score import Score
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, StoredLexicon
from lmbench.text.lexicon_state import LexiconState


def read_lines(data: TrainingText, options: LexiconOptions) -> tuple[Lexicon, Ids]:
    """Learn the lexicon of a training text, and encode the text.

    Returns:
        The lexicon, and the ids of the text's lines. ``<s>``, whose id is the lexicon's length, precedes each line.
    """
    lexicon, ids = Lexicon.learn_and_encode(data, options)
    return lexicon, insert_starts_after(ids, LINE_END_ID, len(lexicon))


class NgramFacts(SavedFacts):
    """The saved part of n-grams that is not arrays.

    Attributes:
        lexicon: The words that have a unigram.
        orders: The length of the longest n-gram.
        bits: Number of bits of a word id in a key.
    """

    lexicon: StoredLexicon
    orders: int = Field(ge=1)
    bits: int = Field(ge=1, le=32)


@dataclass(frozen=True, slots=True)
class FittedNgrams:
    """N-grams and their words.

    Attributes:
        lexicon: The words that have a unigram.
        orders: The n-grams, from unigrams up. The last unigram is ``<s>``.
        kept: (unigrams,), whether the unigram is ``<s>`` or belongs to the lexicon, in its order. The others were
            pruned.
    """

    lexicon: Lexicon
    orders: Sequence[Order]
    kept: Flags

    @classmethod
    def of(cls, lexicon: Lexicon, orders: Sequence[Order], kept: Flags) -> FittedNgrams:
        """Return n-grams over the ids of this lexicon, and reduce the lexicon to the words that were kept."""
        return cls(lexicon if kept.all() else lexicon.restrict(kept[:-1]), orders, kept)

    @property
    def words(self) -> list[str]:
        """The ARPA word of each id of the lexicon."""
        return [UNKNOWN_WORD, SENTENCE_END, *map(escape, self.lexicon.types[2:])]

    def cut(self, history: int | None) -> FittedNgrams:
        """Return the n-grams whose history has at most this many words, ``<s>`` included; None: all."""
        if history is None or history >= len(self.orders) - 1:
            return self
        longest = replace(self.orders[history], backoffs=self.orders[history].backoffs[:0])
        return replace(self, orders=(*self.orders[:history], longest))

    def score(self, documents: Sequence[str]) -> list[Score]:
        """Return one Score for each document; -inf for an event to which the n-grams give no probability."""
        start, rows = len(self.kept) - 1, self._rows()

        def score_ids(ids: Ids, begins: Flags) -> Floats:
            text, positions = insert_starts(rows[ids], begins, start)
            return _log(probabilities(self.orders, text)[positions])

        return self.lexicon.score_as_one_text(documents, score_ids)

    def state_after(self, text: str) -> ModelState:
        """Return the state after `text`."""
        return LexiconState(self.lexicon, text, self._next_logprobs)

    def export(self, path: Path) -> None:
        """Write an ARPA file, with words escaped if ARPA cannot hold them, and the lexicon next to it."""
        rows, words = np.full(len(self.kept), SENTENCE_START, dtype=object), self.words
        rows[self._rows()] = words
        write_arpa(path, _with_bigrams(self.orders), rows.tolist(), self.kept)
        ExportedLexicon.of(self.lexicon, words[2:]).write(path, self.lexicon.tokenizer)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, to save them."""
        named: dict[str, NDArray[Any]] = {"kept": self.kept}
        for k, order in enumerate(self.orders, start=1):
            named |= {f"keys{k}": order.keys, f"probs{k}": order.probs, f"backoffs{k}": order.backoffs}
        return named

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of NgramFacts."""
        return {"lexicon": self.lexicon.stored(), "orders": len(self.orders), "bits": self.orders[0].bits}

    @classmethod
    def restore(cls, saved: Saved, facts: NgramFacts, options: LexiconOptions, workspace: Workspace) -> FittedNgrams:
        """Return n-grams that were saved.

        Args:
            saved: The file.
            facts: Its facts.
            options: The options of the model.
            workspace: Makes the arrays.

        Raises:
            ValueError: The arrays do not belong together.
        """
        orders = [_restore_order(saved, k, facts, workspace) for k in range(1, facts.orders + 1)]
        lexicon, kept = facts.lexicon.restore(options), saved.array("kept", np.bool_)
        if len(kept) != len(orders[0].keys) or np.count_nonzero(kept[:-1]) != len(lexicon):
            raise ValueError("the unigrams are not those of the lexicon")
        return cls(lexicon, orders, kept)

    def footprint(self) -> Footprint:
        """Return the number of probabilities and back-offs. Nothing is on disk."""
        return Footprint(sum(len(order.probs) + len(order.backoffs) for order in self.orders))

    def _next_logprobs(self, history: Ids) -> Floats:
        rows, start = self._rows(), len(self.kept) - 1
        return _log(next_probabilities(self.orders, [start, *rows[history].tolist()])[rows])

    def _rows(self) -> Ids:
        """Return the unigram of each id of the lexicon."""
        return np.flatnonzero(self.kept[:-1]).astype(np.int32)


def _restore_order(saved: Saved, k: int, facts: NgramFacts, workspace: Workspace) -> Order:
    keys, probs, backoffs = (
        workspace.keep(saved.array(f"{name}{k}", kind))
        for name, kind in (("keys", np.int64), ("probs", np.floating), ("backoffs", np.floating))
    )
    if len(probs) != len(keys) or len(backoffs) != (len(keys) if k < facts.orders else 0):
        raise ValueError(f"the n-grams of order {k} are not complete")
    return Order(keys, facts.bits, probs, backoffs)


def _log(probs: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(probs)


def _with_bigrams(orders: Sequence[Order]) -> Sequence[Order]:
    """Add a bigram to unigrams, since KenLM does not read those alone. Its probability is what backing off gives."""
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
