"""The letter model: what an unknown word's spelling costs."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

_END = 256
_START = -1


class LetterModel:
    """A proper distribution over byte strings with an end: a byte n-gram with interpolated Witten-Bell smoothing.

    P(x | h) = (c(h x) + T(h) P(x | h')) / (c(h) + T(h)), where T(h) is the number of distinct symbols seen after the
    history h and h' is h without its first byte; below the empty history lies the uniform distribution over the 256
    bytes and the end (Bell, Cleary and Witten 1990, method C, interpolated as in Chen and Goodman 1998). Every string
    has a finite price, and the probabilities of all strings sum to 1.
    """

    def __init__(self, order: int = 6) -> None:
        self.order = order
        self._counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        self._totals: Counter[tuple[int, ...]] = Counter()

    def learn(self, words: Iterable[bytes]) -> LetterModel:
        """Count these words, each as often as it stands there."""
        for word in words:
            for history, symbol in self._events(word):
                for start in range(len(history) + 1):
                    self._counts[history[start:]][symbol] += 1
                    self._totals[history[start:]] += 1
        return self

    def logprob(self, word: bytes) -> float:
        """Nats: log P(word and its end)."""
        return sum(math.log(self._probability(symbol, history)) for history, symbol in self._events(word))

    def begins(self, start: bytes) -> float:
        """Nats: log P(a word that begins with these bytes)."""
        *events, _ = self._events(start)
        return sum(math.log(self._probability(symbol, history)) for history, symbol in events)

    def _events(self, word: bytes) -> Iterable[tuple[tuple[int, ...], int]]:
        symbols = (_START, *word, _END)
        for i in range(1, len(symbols)):
            yield symbols[max(0, i - self.order + 1) : i], symbols[i]

    def _probability(self, symbol: int, history: tuple[int, ...]) -> float:
        probability = 1 / 257
        for start in range(len(history), -1, -1):
            counts = self._counts.get(history[start:])
            if counts is None:
                break
            kinds = len(counts)
            probability = (counts[symbol] + kinds * probability) / (self._totals[history[start:]] + kinds)
        return probability
