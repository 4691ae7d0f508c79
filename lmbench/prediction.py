"""The distributions over the events of a document, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lmbench.errors import LmbenchError, ScoreError
from lmbench.model import LanguageModel
from lmbench.score import Score, checked_scores
from lmbench.state import ModelState, NextEvents


@dataclass(frozen=True, slots=True)
class Prediction:
    """The distribution over an event of a document, and the event.

    Attributes:
        following: The distribution, given everything before the event.
        event: The index of the event in it.
        end: The byte offset in the document at which the event ends.
    """

    following: NextEvents
    event: int
    end: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place before an event of a document, or after the last one.

    Attributes:
        state: The model's state there. It is valid until the next place is asked for.
        event: The index of the event that follows in the state's distribution; None after the last one.
    """

    state: ModelState
    event: int | None


@runtime_checkable
class PredictsDocuments(Protocol):
    """A model that computes the distributions of many events at once."""

    def predict(self, document: str) -> Iterator[Prediction]:
        """Yield the distribution over each event of a document."""

    def follow(self, document: str) -> Iterator[tuple[NextEvents, int | None]]:
        """Yield the distribution over each event of a document and the event; then that over the next one and None."""


def predict(model: LanguageModel, document: str) -> Iterator[Prediction]:
    """Yield the distribution over each event of a document, in order.

    Args:
        model: A model that is ready to score.
        document: The document.

    Raises:
        LmbenchError: The model does not offer distributions over events whose text is known.
        ScoreError: A distribution is not that of the model's scores.
    """
    if isinstance(model, PredictsDocuments):
        yield from model.predict(document)
        return
    (score,) = checked_scores(model.score([document]), [document])
    for end, place in zip(score.ends.tolist(), _follow_states(model, document, score), strict=False):
        if place.event is not None:
            yield Prediction(place.state.next_events(), place.event, end)


def follow(model: LanguageModel, document: str, score: Score) -> Iterator[Place]:
    """Yield the places between the events of a document, the first one before all events and the last one after them.

    Args:
        model: A model that is ready to score.
        document: The document.
        score: Its score.

    Raises:
        LmbenchError: The model does not offer distributions over events whose text is known.
        ScoreError: A distribution is not that of the score.
    """
    if not isinstance(model, PredictsDocuments):
        yield from _follow_states(model, document, score)
        return
    for following, event in model.follow(document):
        yield Place(_KnownState(following), event)


class _KnownState(ModelState):
    """A state of which only the distribution is known."""

    def __init__(self, following: NextEvents) -> None:
        self._following = following

    def next_events(self) -> NextEvents:
        return self._following

    def advance(self, event: int) -> None:
        raise NotImplementedError("only the distribution is known")


def _follow_states(model: LanguageModel, document: str, score: Score) -> Iterator[Place]:
    """Advance a state along the scored events.

    An unknown word does not have a spelling, so a new state follows it, unless it is a byte inside a character, after
    which there is no text to begin with. A lexicon's state can then advance by the unknown byte.
    """
    data, start = document.encode(), 0
    try:
        state = model.state_after("")
        for number, end in enumerate(score.ends.tolist()):
            following = state.next_events()
            event = _find_event(following, data[start:end], score, number)
            _require_same(following, event, score, number, model.score_tolerance)
            yield Place(state, event)
            if score.spelling[number] < 0 and _ends_character(data, end):
                state = model.state_after(data[:end].decode())
            else:
                state.advance(event)
            start = end
        yield Place(state, None)
    except NotImplementedError as reason:
        raise LmbenchError(f"{type(model).__name__} does not offer distributions: {reason}") from reason


def _ends_character(data: bytes, end: int) -> bool:
    """Return whether the first `end` bytes of a text in UTF-8 are a text as well."""
    return end == len(data) or data[end] & 0xC0 != 0x80


def _find_event(following: NextEvents, spelling: bytes, score: Score, number: int) -> int:
    """Return the index of an event in its distribution; of several with the same bytes, that of the score.

    Raises:
        LmbenchError: The distribution does not have it.
    """
    wanted = None if score.spelling[number] < 0 else spelling
    candidates = _find_all(following.spellings, wanted)
    if not candidates:
        what = "an unknown word" if wanted is None else repr(spelling)
        raise LmbenchError(f"the distribution before byte {score.ends[number]} does not have an event for {what}")
    known_logprob = score.logprobs[number] - score.spelling[number]
    return candidates[int(np.argmin(np.abs(following.logprobs[candidates] - known_logprob)))]


def _find_all(spellings: tuple[bytes | None, ...], wanted: bytes | None) -> list[int]:
    """Return the indices of a spelling. `count` and `index` search a vocabulary several times faster than a loop."""
    found: list[int] = []
    for _ in range(spellings.count(wanted)):
        found.append(spellings.index(wanted, found[-1] + 1 if found else 0))
    return found


def _require_same(following: NextEvents, event: int, score: Score, number: int, tolerance: float) -> None:
    """Check that a distribution gives an event the log-probability with which it was scored.

    Raises:
        ScoreError: It does not.
    """
    scored, found = score.logprobs[number] - score.spelling[number], following.logprobs[event]
    if not abs(found - scored) <= tolerance:
        raise ScoreError(
            f"the event that ends at byte {score.ends[number]} is scored {scored:.6f}, but its distribution says "
            f"{found:.6f}"
        )
