"""Parts of speech as the states of a hidden Markov model: counted in tagged text, and compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lmbench.backends.hmm.forward_backward import Counts, Ids, Line
from lmbench.corpus import Split
from lmbench.errors import CorpusError

TagKind = Literal["upos", "xpos"]

LINE_END_TAG = "\n"
_NO_TAG = "_"


@dataclass(frozen=True, slots=True)
class Hits:
    """How many words were tagged, how many rightly, and how many would be if each got its most frequent tag."""

    words: int
    right: int
    by_most_frequent: int


def tag_lines(split: Split, kind: TagKind, lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The tags of each line's events, LINE_END_TAG last. Raises CorpusError where lines are not the tagged words."""
    if split.tagged is None:
        raise CorpusError(
            f"supervised={kind} needs tagged text, ud-english-ewt or a .conllu file, and this corpus has no tags"
        )
    tagged = [tuple(getattr(word, kind) for word in line) for document in split.tagged for line in document]
    if all(tag == _NO_TAG for line in tagged for tag in line):
        raise CorpusError(f"the words of this corpus have no {kind} tags")
    if list(map(len, lines)) != [len(line) + 1 for line in tagged]:
        raise CorpusError("the tokenizer cuts the text into other events than the tagged words; choose tokenizer=words")
    return [(*line, LINE_END_TAG) for line in tagged]


def tag_counts(lines: Sequence[Line], tags: Sequence[Ids], symbols: int, states: int) -> Counts:
    """How often lines start with each tag, tags follow each other, and have each symbol; the likelihood is unknown."""
    start = np.bincount([line[0] for line in tags], minlength=states)
    moves = np.concatenate([line[:-1] * states + line[1:] for line in tags])
    emissions = np.concatenate(lines).astype(np.int64) * states + np.concatenate(tags)
    return Counts(
        start.astype(np.float64),
        np.bincount(moves, minlength=states**2).reshape(states, states).astype(np.float64),
        np.bincount(emissions, minlength=symbols * states).reshape(symbols, states).astype(np.float64),
        log_likelihood=float("nan"),
    )


def hits(right: Sequence[Ids], found: Sequence[Ids], most_frequent: Sequence[Ids], counted: NDArray[np.bool_]) -> Hits:
    """The hits among all lines' events that are `counted`, (events,)."""
    truth, given, baseline = (np.concatenate(tags)[counted] for tags in (right, found, most_frequent))
    return Hits(len(truth), int((truth == given).sum()), int((truth == baseline).sum()))
