"""Sources whose entropy is known: they generate a corpus, and say what no model can beat on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.corpus import Corpus, Split

Floats = NDArray[np.float64]

_WORDS = tuple(consonant + vowel for consonant in "bdgkm" for vowel in "aeiou")[:24]
_SPLIT_LINES = {"train": 6000, "valid": 600, "test": 1000}


@dataclass(frozen=True)
class MarkovSource:
    """A Markov chain of order 2 over words; every line is drawn anew.

    words        the alphabet; the line end is one symbol more, the last
    transitions  (symbols, symbols, symbols): P(next | word before last, last word), where the line end stands for the
                 places before a line's start; rows sum to 1
    """

    words: tuple[str, ...]
    transitions: Floats

    @classmethod
    def random(
        cls, seed: int, words: tuple[str, ...] = _WORDS, concentration: float = 0.1, stop: float = 0.08
    ) -> MarkovSource:
        """A source whose rows are drawn from a symmetric Dirichlet distribution; every word may end the line."""
        rng = np.random.default_rng(seed)
        end = len(words)
        transitions = np.zeros((end + 1, end + 1, end + 1))
        transitions[:, :, :end] = (1 - stop) * rng.dirichlet(np.full(end, concentration), size=(end + 1, end + 1))
        transitions[:, :, end] = stop
        transitions[:, end, end] = 0  # no line is empty
        transitions /= transitions.sum(axis=2, keepdims=True)
        return cls(words, transitions)

    def draw(self, lines: int, rng: np.random.Generator) -> list[list[int]]:
        """Lines of symbols, each ended by the line end."""
        cumulative = self.transitions.cumsum(axis=2)
        drawn = []
        for _ in range(lines):
            line: list[int] = []
            before = last = len(self.words)
            while not line or last != len(self.words):
                symbol = int(
                    np.searchsorted(cumulative[before, last], rng.random() * cumulative[before, last, -1], "right")
                )
                line.append(symbol)
                before, last = last, symbol
            drawn.append(line)
        return drawn

    def text(self, line: list[int]) -> str:
        """A drawn line as text."""
        return " ".join(self.words[symbol] for symbol in line[:-1]) + "\n"

    def cost(self, line: list[int]) -> float:
        """Nats that the source itself needs for a line: the floor for every model."""
        end = len(self.words)
        padded = [end, end, *line]
        return -sum(math.log(self.transitions[tuple(padded[i : i + 3])]) for i in range(len(line)))

    def entropy_rate(self) -> float:
        """Bits per byte, in closed form: expected entropy of a line over its expected bytes.

        With n(s) the expected visits to the state s in a line, n = start + n T, where T moves between the pairs of last
        words without passing a line end.
        """
        size = len(self.words) + 1
        end = size - 1
        between = np.zeros((size, size, size, size))
        for before in range(size):
            for last in range(size):
                between[before, last, last, :end] = self.transitions[before, last, :end]
        start = np.zeros((size, size))
        start[end, end] = 1
        visits = np.linalg.solve(np.eye(size**2) - between.reshape(size**2, size**2).T, start.ravel()).reshape(
            size, size
        )
        logs = np.log2(self.transitions, out=np.zeros_like(self.transitions), where=self.transitions > 0)
        entropies = -(self.transitions * logs).sum(axis=2)
        lengths = np.array([len(word.encode()) for word in self.words] + [1])
        spaces = np.ones((size, size))
        spaces[end, :] = 0  # the line end has no space before it
        spaces[:, end] = 0  # nor has a line's first word
        bytes_after = self.transitions @ lengths + (self.transitions * spaces.T[None]).sum(axis=2)
        return float((visits * entropies).sum() / (visits * bytes_after).sum())


def markov() -> Corpus:
    """The corpus ``markov``: lines of a fixed random chain of order 2, one document a line."""
    source = MarkovSource.random(seed=2)
    rng = np.random.default_rng(20)
    lines = {split: source.draw(number, rng) for split, number in _SPLIT_LINES.items()}
    train, valid, test = (Split(tuple(map(source.text, lines[split]))) for split in ("train", "valid", "test"))
    return Corpus(
        "markov",
        train,
        valid,
        test,
        reading="lines,source=markov,order=2,seed=2",
        tokenised=True,
        description="synthetic: a Markov chain of order 2 over 24 words, whose entropy is known",
        floor=tuple(map(source.cost, lines["test"])),
        floor_note=f"the source itself; its entropy rate is {source.entropy_rate():.4f} bits per byte",
    )
