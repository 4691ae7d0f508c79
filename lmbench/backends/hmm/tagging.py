"""Parts of speech as the states of a hidden Markov model: read from tagged text, counted, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lmbench.arrays import AnyInts, Flags, Ints
from lmbench.backends.hmm.parameters import ExpectedCounts
from lmbench.corpus import Split
from lmbench.errors import CorpusError

TagKind = Literal["upos", "xpos"]

LINE_END_TAG = "\n"
_NO_TAG = "_"


@dataclass(frozen=True, slots=True)
class TagHits:
    """How many words were tagged correctly.

    Attributes:
        words: The number of words.
        correct: How many of them got the right tag.
        by_most_frequent: How many would get the right tag if each word got its most frequent tag.
    """

    words: int
    correct: int
    by_most_frequent: int

    def __add__(self, other: TagHits) -> TagHits:
        return TagHits(
            self.words + other.words,
            self.correct + other.correct,
            self.by_most_frequent + other.by_most_frequent,
        )


def read_tags(split: Split, kind: TagKind, lines: Sequence[AnyInts]) -> list[tuple[str, ...]]:
    """Return the tags of each line's events; the last one is LINE_END_TAG.

    Raises:
        CorpusError: The split is not tagged, or the lines' events are not its tagged words.
    """
    if split.tagged is None:
        raise CorpusError(
            f"supervised={kind} needs tagged text, and this corpus is not tagged; use ud-english-ewt or a .conllu file"
        )
    tagged = [tuple(getattr(word, kind) for word in line) for document in split.tagged for line in document]
    if all(tag == _NO_TAG for line in tagged for tag in line):
        raise CorpusError(f"the words of this corpus do not have {kind} tags")
    if list(map(len, lines)) != [len(line) + 1 for line in tagged]:
        raise CorpusError("the tokenizer's events are not the tagged words; choose tokenizer=words")
    return [(*line, LINE_END_TAG) for line in tagged]


def count_tags(lines: Sequence[AnyInts], tags: Sequence[Ints], symbols: int, states: int) -> ExpectedCounts:
    """Count how often lines start with each tag, one tag follows another, and a symbol has a tag."""
    start = np.bincount([line[0] for line in tags], minlength=states)
    moves = np.concatenate([line[:-1] * states + line[1:] for line in tags])
    emissions = np.concatenate(lines).astype(np.int64) * states + np.concatenate(tags)
    return ExpectedCounts(
        start.astype(np.float64),
        np.bincount(moves, minlength=states**2).reshape(states, states).astype(np.float64),
        np.bincount(emissions, minlength=symbols * states).reshape(symbols, states).astype(np.float64),
    )


def count_hits(gold: Sequence[Ints], found: Sequence[Ints], most_frequent: Sequence[Ints], counted: Flags) -> TagHits:
    """Compare tags, line by line, with the gold standard's.

    Args:
        gold: The right tags of each line's events.
        found: The tags to be judged.
        most_frequent: Each event's most frequent tag.
        counted: (events,) which events of all lines count.
    """
    truth, given, baseline = (np.concatenate(tags)[counted] for tags in (gold, found, most_frequent))
    return TagHits(len(truth), int((truth == given).sum()), int((truth == baseline).sum()))
