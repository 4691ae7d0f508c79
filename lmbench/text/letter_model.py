"""The letter model: what an unknown word's spelling costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lmbench.ngrams.backoff import Order, probabilities
from lmbench.ngrams.counts import count
from lmbench.ngrams.smoothing import Settings, smooth
from lmbench.ngrams.workspace import Workspace

_END, _START = 256, 257


class LetterModel:
    """A proper distribution over byte strings with an end: a byte n-gram with interpolated Witten-Bell smoothing.

    P(x | h) = (c(h x) + T(h) P(x | h')) / (c(h) + T(h)), where T(h) is the number of distinct symbols seen after the
    history h and h' is h without its first byte; below the empty history lies the uniform distribution over the 256
    bytes and the end (Bell, Cleary and Witten 1990, method C, interpolated as in Chen and Goodman 1998). Every string
    has a finite price, and the probabilities of all strings sum to 1.
    """

    def __init__(self, order: int = 6) -> None:
        self.order = order
        self._orders: list[Order] = []

    def learn(self, words: Iterable[bytes]) -> LetterModel:
        """Count these words, each as often as it stands there."""
        text = _opened(words)
        if len(text):
            counted = count(text, _START, self.order, Workspace())
            self._orders = smooth(counted, Settings("witten-bell"), held_out=text[:0]).orders
        return self

    def logprobs(self, words: Sequence[bytes]) -> NDArray[np.float64]:
        """Nats: log P(word and its end) of each word, (words,)."""
        if not words:
            return np.zeros(0)
        begins = np.cumsum([0, *(len(word) + 2 for word in words)])[:-1]
        return np.add.reduceat(self._events(_opened(words)), begins)

    def logprob(self, word: bytes) -> float:
        """Nats: log P(word and its end)."""
        return float(self.logprobs([word])[0])

    def prefix_logprob(self, start: bytes) -> float:
        """Nats: log P(a word that begins with these bytes)."""
        return float(self._events(_opened([start])[:-1]).sum())

    def _events(self, text: NDArray[np.int32]) -> NDArray[np.float64]:
        """What each symbol of words costs, nats; nothing for the start, which is given."""
        probs = probabilities(self._orders, text) if self._orders else np.full(len(text), 1 / (_END + 1))
        return np.where(text == _START, 0.0, np.log(probs))


def _opened(words: Iterable[bytes]) -> NDArray[np.int32]:
    """The symbols of words in one array, each word with its start and its end."""
    joined = [np.zeros(0, dtype=np.int32)]
    joined += [np.array([_START, *word, _END], dtype=np.int32) for word in words]
    return np.concatenate(joined)
