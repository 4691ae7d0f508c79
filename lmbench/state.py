"""The state of a model after a text: the distribution over the next event, and how to advance by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lmbench.arrays import Flags, Floats
from lmbench.corpus import WORD_SEPARATORS

_BYTES = tuple(bytes((byte,)) for byte in range(256))
_BYTE_NAMES = tuple(map(chr, range(256)))
_SEPARATORS = tuple(separator.encode() for separator in WORD_SEPARATORS)


@dataclass(frozen=True, slots=True)
class NextEvents:
    """A distribution over the event that follows a text.

    Attributes:
        names: The text of each event if it has one; a newline for the line end. All unknown words are one event.
        logprobs: (events,) float64, nats, without spelling costs; ``exp(logprobs)`` sums to 1.
        spellings: The bytes that each event adds to the text; ``b""`` for the event that ends the text; None for an
            event without a certain text, such as an unknown word. Empty if the model does not provide spellings; it
            then cannot generate text.
    """

    names: tuple[str, ...]
    logprobs: Floats
    spellings: tuple[bytes | None, ...] = ()

    @classmethod
    def of_bytes(cls, logprobs: Floats) -> NextEvents:
        """Return a distribution over bytes: (256,) nats."""
        return cls(_BYTE_NAMES, logprobs, _BYTES)

    def prefix_logprob(self, prefix: bytes) -> float:
        """Return log P(the event's spelling begins with `prefix`), in nats; 0 if no spelling does."""
        matches = [spelling is not None and spelling.startswith(prefix) for spelling in self.spellings]
        return float(np.logaddexp.reduce(self.logprobs[matches])) if any(matches) else 0.0

    def boundary_logprob(self) -> float:
        """Return log P(the event's spelling begins with white space, or ends the text), in nats; -inf if none does.

        Raises:
            NotImplementedError: There are no spellings.
        """
        if not self.spellings:
            raise NotImplementedError("the texts of its events are not known")
        return min(0.0, float(np.logaddexp.reduce(self.logprobs[_find_boundaries(self.spellings)])))


class ModelState(ABC):
    """A model that has read a text and advances event by event, even to the inside of a character."""

    @abstractmethod
    def next_events(self) -> NextEvents:
        """Return the distribution over the event after everything read so far."""

    @abstractmethod
    def advance(self, event: int) -> None:
        """Read one more event.

        Args:
            event: Its index in the distribution that `next_events` returns. It must have a spelling.
        """

    def find_events(self, spelling: bytes) -> list[int]:
        """Return the indices of the next events that add these bytes to the text.

        A state whose spellings are known without its distribution can find them sooner.
        """
        return [index for index, known in enumerate(self.next_events().spellings) if known == spelling]

    def prefix_logprob(self, prefix: bytes) -> float:
        """Return log P(the next event's bytes begin with `prefix`), in nats; 0 if no event is known to do so."""
        return self.next_events().prefix_logprob(prefix)

    def boundary_logprob(self) -> float:
        """Return log P(the text continues with white space or ends), in nats; -inf if no event is known to do so.

        After a word, this is the probability that the word ends here. White space is what separates words: a space, a
        tab, a carriage return or a line end.

        Raises:
            NotImplementedError: The texts of the events are not known.
        """
        return self.next_events().boundary_logprob()

    def spelling_logprob(self, spelling: bytes) -> float | None:
        """Return what a letter model charges for the spelling of an unknown word, in nats.

        Args:
            spelling: The bytes that the word adds to the text.

        Returns:
            None if there is no letter model, or if these bytes are not one event.
        """
        return None


class TextState(ModelState):
    """The state of a model that only implements `next_events`, which it calls again for each longer text."""

    def __init__(self, next_events: Callable[[str], NextEvents], text: str) -> None:
        self._next_events_after, self._text = next_events, text
        self._following = next_events(text)

    def next_events(self) -> NextEvents:
        spellings = tuple(spelling if _is_text(spelling) else None for spelling in self._following.spellings)
        return replace(self._following, spellings=spellings)

    def prefix_logprob(self, prefix: bytes) -> float:
        return self._following.prefix_logprob(prefix)

    def boundary_logprob(self) -> float:
        return self._following.boundary_logprob()

    def advance(self, event: int) -> None:
        spelling = self._following.spellings[event]
        if spelling is None:
            raise ValueError(f"event {event} does not have a spelling and cannot be read")
        self._text += spelling.decode()
        self._following = self._next_events_after(self._text)


def _is_text(spelling: bytes | None) -> bool:
    try:
        return spelling is not None and spelling.decode() is not None
    except UnicodeDecodeError:
        return False


@lru_cache(maxsize=4)  # spellings are the same tuple after each event, or one of two
def _find_boundaries(spellings: tuple[bytes | None, ...]) -> Flags:
    """Return which events begin with white space or end the text, (events,)."""
    return np.array([known is not None and (not known or known.startswith(_SEPARATORS)) for known in spellings], bool)
