"""What a model predicts after a text, and how it advances event by event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lmbench.arrays import Floats

_BYTES = tuple(bytes((byte,)) for byte in range(256))
_BYTE_NAMES = tuple(map(chr, range(256)))


@dataclass(frozen=True, slots=True)
class NextEvents:
    """A distribution over the event that follows a text.

    Attributes:
        names: The text of each event if it has one; the line end's is a newline. An unknown word, whatever its
            spelling, is one event.
        logprobs: (events,) float64, nats, without spelling costs; ``exp`` of them sums to 1.
        spellings: The bytes that each event adds to the text; ``b""`` for the event that ends it; None for an event
            without a certain text, such as an unknown word. Empty if the model does not say; it then generates no text.
    """

    names: tuple[str, ...]
    logprobs: Floats
    spellings: tuple[bytes | None, ...] = ()

    @classmethod
    def of_bytes(cls, logprobs: Floats) -> NextEvents:
        """Return the distribution, (256,) nats, of a model whose events are the bytes."""
        return cls(_BYTE_NAMES, logprobs, _BYTES)

    def prefix_logprob(self, prefix: bytes) -> float:
        """Return log P(the event's spelling begins with `prefix`), in nats; 0 if no spelling does."""
        matches = [spelling is not None and spelling.startswith(prefix) for spelling in self.spellings]
        return float(np.logaddexp.reduce(self.logprobs[matches])) if any(matches) else 0.0


class ModelState(ABC):
    """A model that has read a text and advances event by event, also if an event ends inside a character."""

    @abstractmethod
    def next_events(self) -> NextEvents:
        """Return the distribution over the event after everything read so far."""

    @abstractmethod
    def advance(self, event: int) -> None:
        """Read one more event.

        Args:
            event: Its index in the distribution that `next_events` returns. It must have a spelling.
        """

    def prefix_logprob(self, prefix: bytes) -> float:
        """Return log P(the next event's bytes begin with `prefix`), in nats; 0 if no event is known to."""
        return self.next_events().prefix_logprob(prefix)


class TextState(ModelState):
    """The state of a model that offers `next_events` of a text alone: it asks again for each longer text."""

    def __init__(self, next_events: Callable[[str], NextEvents], text: str) -> None:
        self._next_events_after, self._text = next_events, text
        self._following = next_events(text)

    def next_events(self) -> NextEvents:
        spellings = tuple(spelling if _is_text(spelling) else None for spelling in self._following.spellings)
        return replace(self._following, spellings=spellings)

    def prefix_logprob(self, prefix: bytes) -> float:
        return self._following.prefix_logprob(prefix)

    def advance(self, event: int) -> None:
        spelling = self._following.spellings[event]
        if spelling is None:
            raise ValueError(f"event {event} has no spelling and cannot be read")
        self._text += spelling.decode()
        self._following = self._next_events_after(self._text)


def _is_text(spelling: bytes | None) -> bool:
    try:
        return spelling is not None and spelling.decode() is not None
    except UnicodeDecodeError:
        return False
