"""The n-grams of a file: ARPA text in sorted arrays, or a KenLM binary that KenLM looks up."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from lmbench.backends.ngrams.arpa_lexicon import ArpaLexicon
from lmbench.backends.ngrams.exhibits import ngram_exhibits
from lmbench.backends.ngrams.fitted import FittedNgrams
from lmbench.backends.ngrams.kenlm_engine import KenlmEngine
from lmbench.compression import open_regular
from lmbench.exhibit import Exhibit
from lmbench.ngrams.arpa_reader import ArpaText
from lmbench.ngrams.arpa_writer import SENTENCE_END, UNKNOWN_WORD
from lmbench.ngrams.history_sums import history_sums, ngram_words
from lmbench.ngrams.ids import UNKNOWN_ID
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon

_ABSENT = math.exp(-200)
"""Between 1e-100, which ``<unk>`` gets if the file lacks it, and the probability of anything that was estimated."""
_SUSPECTS = 3  # histories of each order


@dataclass(frozen=True, slots=True)
class NgramFile(ABC):
    """A file of n-grams, ready to score.

    Attributes:
        order: The length of the longest n-gram.
        parameters: The number of n-grams, and of back-offs below the highest order; None if the file does not say.
        opens_lines: Whether ``<s>`` precedes each line.
        has_unknown: Whether the file has ``<unk>``.
        engine: The part of the signature that names the engine.
    """

    order: int
    parameters: int | None
    opens_lines: bool
    has_unknown: bool
    engine: Signature

    @abstractmethod
    def score(self, documents: Sequence[str]) -> list[Score]:
        """Return one Score for each document."""

    @abstractmethod
    def state_after(self, text: str) -> ModelState:
        """Return the state after `text`.

        Raises:
            NotImplementedError: The file does not list its words.
        """

    def suspect_histories(self) -> list[str]:
        """Return texts after which the probabilities sum furthest from 1; none if the histories are unknown."""
        return []

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return what the file knows; nothing if it does not list its words."""
        return ()


@dataclass(frozen=True, slots=True)
class TextFile(NgramFile):
    """ARPA text, read into sorted arrays."""

    ngrams: FittedNgrams

    @classmethod
    def of(cls, text: ArpaText, words: ArpaLexicon) -> Self:
        """Return the n-grams of ARPA text.

        Args:
            text: The file's n-grams.
            words: How documents become the file's words.

        Raises:
            UnavailableError: Two words are the same type.
        """
        lexicon = words.make(words.types(text.words[2:-1]))
        return cls(
            order=len(text.orders),
            parameters=sum(text.counts) + sum(text.counts[:-1]),
            opens_lines=text.opens,
            has_unknown=float(text.orders[0].probs[UNKNOWN_ID]) >= _ABSENT,
            engine=Signature.of(engine="arrays"),
            ngrams=FittedNgrams.of(lexicon, text.orders, np.ones(len(text.words), dtype=bool)),
        )

    def cut(self, history: int | None) -> Self:
        """Return the same file, of which only histories of at most this many words are used; None: all."""
        return replace(self, ngrams=self.ngrams.cut(history))

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self.ngrams.score(documents)

    def state_after(self, text: str) -> ModelState:
        return self.ngrams.state_after(text)

    def suspect_histories(self) -> list[str]:
        orders, texts = self.ngrams.orders, []
        for order in range(2, len(orders) + 1):
            histories, sums = history_sums(orders[:order])
            worst = histories[np.argsort(-np.abs(sums - 1))[:_SUSPECTS]]
            texts += [self._spell(words) for words in ngram_words(orders[: order - 1], worst).tolist()]
        return [text for text in texts if text is not None]

    def exhibits(self) -> tuple[Exhibit, ...]:
        return ngram_exhibits(self.ngrams)

    def _spell(self, words: Sequence[int]) -> str | None:
        """Return the text of these ids without ``<s>``, or None if the tokenizer never cuts a text into them."""
        lexicon = self.ngrams.lexicon
        try:
            spellings = lexicon.tokenizer.spell([lexicon.types[word] for word in words if word < len(lexicon)])
            return b"".join(spellings).decode()
        except (KeyError, UnicodeDecodeError):
            return None


@dataclass(frozen=True, slots=True)
class BinaryFile(NgramFile):
    """A KenLM binary. It can tell whether it has a word, but does not list its words."""

    path: Path
    kenlm: KenlmEngine
    words: ArpaLexicon

    @classmethod
    def read(cls, path: Path, words: ArpaLexicon) -> Self:
        """Read a KenLM binary.

        Args:
            path: The file.
            words: How documents become the file's words.

        Raises:
            UnavailableError: The package kenlm is not installed, or cannot read the file.
        """
        kenlm = KenlmEngine(path)
        return cls(
            order=kenlm.order,
            parameters=None,
            opens_lines=True,
            has_unknown=math.exp(kenlm.unknown_logprob) >= _ABSENT,
            engine=kenlm.signature(),
            path=path,
            kenlm=kenlm,
            words=words,
        )

    def score(self, documents: Sequence[str]) -> list[Score]:
        lexicon = self._find_types(documents)
        words = [UNKNOWN_WORD, SENTENCE_END, *map(self.words.word, lexicon.types[2:])]
        return lexicon.score(documents, lambda lines: self.kenlm.score_lines(lines, words))

    def state_after(self, text: str) -> ModelState:
        raise NotImplementedError(
            f"'{self.path}' is a KenLM binary, which does not list its words, so the next events are unknown"
        )

    def _find_types(self, documents: Sequence[str]) -> Lexicon:
        """Return a lexicon of the documents' types that the file has."""
        lines = [line for document in documents for line in document.split("\n")]
        candidates = {kind for types in self.words.tokenizer.tokenize_lines(lines) for kind in types}
        return self.words.make(
            kind for kind in candidates if self.words.may_have(kind) and self.words.word(kind) in self.kenlm
        )


def is_kenlm_binary(path: Path) -> bool:
    """Return whether this is a KenLM binary of any version: they all begin alike."""
    with open_regular(path) as file:
        return file.read(7) == b"mmap lm"
