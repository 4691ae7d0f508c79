"""The words of an ARPA file and their ids."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lmbench.arrays import Ids, Ints
from lmbench.ngrams.arpa_lines import ArpaLines, quote
from lmbench.ngrams.arpa_sections import ArpaSection
from lmbench.ngrams.arpa_writer import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD
from lmbench.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

_UNKNOWN_WORDS = ("<unk>", "<UNK>")  # KenLM knows these two spellings
_ABSENT = -100.0  # log10 probability that KenLM gives <unk> if the file does not


class WordList:
    """Gives ids to the words of the unigrams, in the file's order, as they are read."""

    def __init__(self, lines: ArpaLines, progress: Progress) -> None:
        self._lines, self._progress = lines, progress
        self._found: dict[str, int] = {}

    def add(self, words: pa.Array, numbers: Ints) -> Ids:
        """Add words and return their ids, (words,).

        Raises:
            UnavailableError: A word is listed twice or is not UTF-8.
        """
        before = len(self._found)
        for number, field in zip(numbers.tolist(), words.to_pylist(), strict=True):
            try:
                word = self._normalize(field.decode())
            except UnicodeDecodeError:
                raise self._lines.error(f"the word {quote(field)} is not UTF-8", number) from None
            if word in self._found:
                raise self._lines.error(f"the n-gram {quote(field)} is listed twice", number)
            self._found[word] = len(self._found)
        return np.arange(before, len(self._found), dtype=np.int32)

    def _normalize(self, word: str) -> str:
        """Return ``<unk>`` for each spelling of it that KenLM knows, else the word. Announce unusual spellings."""
        if word.lower() != UNKNOWN_WORD or word == UNKNOWN_WORD:
            return word
        if word in _UNKNOWN_WORDS:
            self._progress.notice(f"'{self._lines.path}' lists {word}, which is read as {UNKNOWN_WORD}, as KenLM does")
            return UNKNOWN_WORD
        self._progress.notice(f"'{self._lines.path}' lists {word}, which is an ordinary word, as it is for KenLM")
        return word

    def finish(self) -> ArpaVocabulary:
        """Return the vocabulary of all words.

        Raises:
            UnavailableError: ``</s>`` is missing.
        """
        if SENTENCE_END not in self._found:
            raise self._lines.error(f"the unigram '{SENTENCE_END}' is missing, so that no line could end")
        return ArpaVocabulary(self._lines, self._found)


class ArpaVocabulary:
    """The words of an ARPA file.

    Attributes:
        words: In the order of ArpaText.
        opens: Whether the file has ``<s>``.
    """

    def __init__(self, lines: ArpaLines, found: dict[str, int]) -> None:
        """`found` gives each word's index in the file."""
        self._lines, self._found = lines, found
        own = (UNKNOWN_WORD, SENTENCE_END, SENTENCE_START)
        self.words = [UNKNOWN_WORD, SENTENCE_END, *(word for word in found if word not in own), SENTENCE_START]
        self.opens = SENTENCE_START in found

    def complete(self, unigrams: ArpaSection) -> ArpaSection:
        """Return the unigrams in the order of `words`. ``<unk>`` and ``<s>`` are added if they are missing."""
        index = np.array([self._found.get(word, len(self._found)) for word in self.words])
        return ArpaSection(
            np.arange(len(self.words), dtype=np.int32)[:, None],
            np.append(unigrams.logs, _ABSENT)[index],
            np.append(unigrams.backoffs, 0.0)[index],
            np.append(unigrams.numbers, 0)[index],
        )

    def find(self, words: pa.Array, numbers: Ints) -> Ids:
        """Return the ids of words, (words,).

        Raises:
            UnavailableError: A word is not among the unigrams.
        """
        import pyarrow.compute as pc

        known, id_of_known = self._index
        found = pc.fill_null(pc.index_in(words, value_set=known), -1)
        ids: Ids = id_of_known[found.to_numpy(zero_copy_only=False)]
        if (ids < 0).any():
            first = int(np.argmax(ids < 0))
            number = int(numbers[first * len(numbers) // len(ids)])
            raise self._lines.error(f"the word {quote(words[first].as_py())} is not a unigram", number)
        return ids

    @cached_property
    def _index(self) -> tuple[pa.Array, Ids]:
        """The words as the file may write them, and their ids; the last id, -1, is for all other words."""
        import pyarrow as pa

        names = [(word.encode(), i) for i, word in enumerate(self.words) if word in self._found]
        names += [(word.encode(), 0) for word in _UNKNOWN_WORDS[1:] if UNKNOWN_WORD in self._found]
        return pa.array([word for word, _ in names], pa.binary()), np.array([*(i for _, i in names), -1], np.int32)
