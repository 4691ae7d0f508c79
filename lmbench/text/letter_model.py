"""The letter model: what it costs to spell an unknown word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lmbench.arrays import Floats, Ids
from lmbench.ngrams.backoff import Order, probabilities
from lmbench.ngrams.counts import count_ngrams
from lmbench.ngrams.smoothing import SmoothingSettings, smooth
from lmbench.ngrams.workspace import Workspace

_END, _START = 256, 257


class LetterModel:
    """A distribution over all byte strings: a byte n-gram model with interpolated Witten-Bell smoothing.

    The symbols are the 256 bytes and the end of the string.

        P(x | h) = (c(h x) + T(h) P(x | h')) / (c(h) + T(h))

    where T(h) is the number of distinct symbols seen after the history h, and h' is h without its first byte. Below the
    empty history is the uniform distribution over the symbols (Bell, Cleary and Witten 1990, method C, interpolated as
    in Chen and Goodman 1998). Every string has a finite cost, and the probabilities of all strings sum to 1.

    Args:
        order: Length of the longest n-gram.
    """

    def __init__(self, order: int = 6) -> None:
        self.order = order
        self._orders: list[Order] = []

    def learn(self, words: Iterable[bytes]) -> LetterModel:
        """Learn from words, counting repetitions, and return this model."""
        text = _symbols(words)
        if len(text):
            counted = count_ngrams(text, _START, self.order, Workspace())
            self._orders = smooth(counted, SmoothingSettings("witten-bell"), held_out=text[:0]).orders
        return self

    def logprobs(self, words: Sequence[bytes]) -> Floats:
        """Return log P of each word and its end, (words,), in nats."""
        if not words:
            return np.zeros(0)
        begins = np.cumsum([0, *(len(word) + 2 for word in words)])[:-1]
        return np.add.reduceat(self._symbol_logprobs(_symbols(words)), begins)

    def logprob(self, word: bytes) -> float:
        """Return log P of a word and its end, in nats."""
        return float(self.logprobs([word])[0])

    def prefix_logprob(self, prefix: bytes) -> float:
        """Return log P(a word begins with `prefix`), in nats."""
        return float(self._symbol_logprobs(_symbols([prefix])[:-1]).sum())

    def _symbol_logprobs(self, text: Ids) -> Floats:
        """Return log P of each symbol, in nats; 0 for the start, which is given."""
        probs = probabilities(self._orders, text) if self._orders else np.full(len(text), 1 / (_END + 1))
        return np.where(text == _START, 0.0, np.log(probs))


def _symbols(words: Iterable[bytes]) -> Ids:
    """Return the symbols of words in one array, each word with its start and its end."""
    joined = [np.zeros(0, dtype=np.int32)]
    joined += [np.array([_START, *word, _END], dtype=np.int32) for word in words]
    return np.concatenate(joined)
