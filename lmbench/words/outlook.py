"""A model's expectations at the borders of words: whether a word ends, and how uncertain the next one is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.corpus import WORD_SEPARATORS
from lmbench.errors import LmbenchError
from lmbench.metrics import bits
from lmbench.model import LanguageModel
from lmbench.prediction import follow
from lmbench.score import Score
from lmbench.state import ModelState
from lmbench.words.spans import WordEvents

_SEPARATORS = WORD_SEPARATORS.encode()


@dataclass(frozen=True, slots=True)
class Outlook:
    """A model's expectations before and after each row of words. Every array is (rows,).

    Attributes:
        ends: Bits of the event that the text continues with white space, or ends, after the row; 0 if the white space
            after it belongs to the row's events, or if the next row follows without white space.
        entropies: Bits, the entropy of the event that begins the row.
        ranks: The rank of this event among all events that the model considered, from 1 for the most likely one.
    """

    ends: Floats
    entropies: Floats
    ranks: Ints

    def correct(self, word_bits: Floats) -> Floats:
        """Move the probability that a word ends from the next word to this one: s(w) - B(before) + B(after).

        Args:
            word_bits: (rows,) bits, each with the white space before the word.
        """
        before = np.append(0.0, self.ends[:-1]) if len(self.ends) else self.ends
        return word_bits - before + self.ends


def look_ahead(model: LanguageModel, document: str, score: Score, rows: WordEvents) -> Outlook:
    """Return what a model expects at the borders of the words of a document.

    Args:
        model: A model that is ready to score.
        document: The document.
        score: Its score.
        rows: Its words.

    Raises:
        LmbenchError: The model does not offer distributions over events whose text is known.
    """
    begins, open_ends = set(rows.borders[:-1].tolist()), _find_open_ends(document, score, rows)
    boundaries = dict[int, float]()
    expected = []
    for number, place in enumerate(follow(model, document, score)):
        if number in open_ends:
            boundaries[number] = _boundary_logprob(model, place.state)
        if number in begins and place.event is not None:
            expected.append(_describe(place.state.next_events().logprobs, place.event))
    entropies, ranks = zip(*expected, strict=True) if expected else ((), ())
    ends = np.array([boundaries.get(border, 0.0) for border in rows.borders[1:].tolist()])
    return Outlook(bits(ends), bits(np.array(entropies)), np.array(ranks, dtype=np.int64))


def _find_open_ends(document: str, score: Score, rows: WordEvents) -> set[int]:
    """Return the borders of events at which a word is complete, but the white space after it is still to come."""
    data, word_ends, borders = document.encode(), rows.spans[:, 1].tolist(), rows.borders[1:].tolist()
    return {
        border
        for border, end in zip(borders, word_ends, strict=True)
        if score.ends[border - 1] == end and (end == len(data) or data[end] in _SEPARATORS)
    }


def _boundary_logprob(model: LanguageModel, state: ModelState) -> float:
    try:
        return state.boundary_logprob()
    except NotImplementedError as reason:
        raise LmbenchError(f"{type(model).__name__} cannot tell where words end: {reason}") from reason


def _describe(logprobs: Floats, event: int) -> tuple[float, int]:
    """Return the entropy of a distribution in nats, and the rank of an event in it."""
    possible = logprobs[logprobs > -np.inf]
    entropy = -float(np.sum(np.exp(possible) * possible))
    return entropy, 1 + int(np.count_nonzero(logprobs > logprobs[event]))
