"""The events of a scored text, compared with the distributions that the model offers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from lmbench.checks.comparison import require_no_bias
from lmbench.checks.verdicts import CheckFailedError, require
from lmbench.score import Score
from lmbench.state import NextEvents
from lmbench.text.tokenizers import PRINTABLE

_UNKNOWN_NAMES = ("<unk>", "<UNK>", "[UNK]", "UNK", "<oov>")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a scored text.

    Attributes:
        before: The bytes of the text before the event.
        spelling: The event's own bytes.
        logprob: Nats, without the cost of spelling an unknown word.
        spelling_logprob: Nats that a letter model charged for its spelling; 0 for any other event.
    """

    before: bytes
    spelling: bytes
    logprob: float
    spelling_logprob: float = 0.0

    @property
    def is_unknown(self) -> bool:
        """Whether a letter model spelled it."""
        return self.spelling_logprob < 0


def events_of(document: str, score: Score) -> Iterator[Event]:
    """Yield the events of a scored document."""
    data = document.encode()
    for number in range(len(score.ends)):
        yield event_at(data, score, number)


def event_at(data: bytes, score: Score, number: int) -> Event:
    """Return one event of a scored document.

    Args:
        data: The bytes of the document.
        score: Its score.
        number: The number of the event, from 0.
    """
    start, end = int(score.ends[number - 1]) if number else 0, int(score.ends[number])
    logprob, spelling = float(score.logprobs[number]), float(score.spelling[number])
    return Event(data[:start], data[start:end], logprob - spelling, spelling)


@dataclass(frozen=True, slots=True)
class Comparison:
    """An event compared with the distribution after the text before it.

    Attributes:
        difference: Nats by which its score exceeds what the distribution says; None if they cannot be compared, because
            the text before the event is split in another way if nothing follows it.
        total: The sum of the distribution.
    """

    difference: float | None
    total: float


def require_agreement(comparisons: Sequence[Comparison | None], tolerance: float) -> None:
    """Fail unless scores and distributions agree in the mean, and can be compared at most events.

    Raises:
        CheckFailedError: They do not.
    """
    made = [comparison for comparison in comparisons if comparison]
    differences = [comparison.difference for comparison in made if comparison.difference is not None]
    require(
        2 * len(differences) >= len(made),
        f"{len(made) - len(differences)} of {len(made)} events cannot be compared with a distribution, because the "
        "text before them is split in another way if nothing follows it",
    )
    require_no_bias(np.array(differences), tolerance, "scored, and as the distributions say")


def difference_from_entry(nexts: NextEvents, event: Event, tolerance: float) -> float:
    """Return by how many nats an event's score exceeds what a distribution says.

    Raises:
        CheckFailedError: It differs by more than the tolerance, or the distribution does not have the event.
    """
    candidates = nexts.logprobs[matching_entries(nexts, event)]
    after = f"after {event.before[-20:]!r} the event {event.spelling[-20:]!r}"
    if not len(candidates):
        kind = "an entry for unknown words" if event.is_unknown else "this event"
        raise CheckFailedError(f"{after} is scored {event.logprob:.6f}, but its distribution does not have {kind}")
    with np.errstate(invalid="ignore"):  # infinite log-probabilities are what other checks report
        predicted = float(candidates[np.argmin(np.abs(candidates - event.logprob))])
    if not abs(predicted - event.logprob) <= tolerance:
        raise CheckFailedError(
            f"{after} is scored {event.logprob:.6f}, but its distribution says {predicted:.6f}"
            f"{_suspected_unit(event.logprob, predicted)}"
        )
    return event.logprob - predicted


def decode(data: bytes) -> str | None:
    """Return the text of these bytes; None if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def matching_entries(nexts: NextEvents, event: Event) -> list[int]:
    """Return the entries of a distribution that may be this event.

    An unknown word is an entry without a spelling: with `pieces`, " ." may be unknown although "." is known. Any other
    event is the entry with its spelling. If the model does not provide spellings, an unknown word is the entry with one
    of the usual names, and any other event the entry named by the event's text as it is, without its space, or in
    GPT-2's notation, which also has names for parts of characters.
    """
    if event.is_unknown:
        named = [i for name in _UNKNOWN_NAMES for i in _find(nexts.names, name)]
        return [i for i in named if not nexts.spellings or nexts.spellings[i] is None] or _find(nexts.spellings, None)
    if nexts.spellings:
        return _find(nexts.spellings, event.spelling)
    text, printable = decode(event.spelling), "".join(PRINTABLE[byte] for byte in event.spelling)
    if text is None:
        return _find(nexts.names, printable)
    variants = {text.removeprefix(" "), text.replace(" ", PRINTABLE[ord(" ")]), printable}
    return _find(nexts.names, text) or [i for name in variants for i in _find(nexts.names, name)]


def _find(entries: Sequence[str] | Sequence[bytes | None], wanted: str | bytes | None) -> list[int]:
    """Return the indices of an entry. A loop would take many times as long as `index`, and vocabularies are large."""
    found: list[int] = []
    with suppress(ValueError):
        while True:
            found.append(entries.index(wanted, found[-1] + 1 if found else 0))
    return found


def _suspected_unit(scored: float, predicted: float) -> str:
    """Return which wrong unit the ratio of two log-probabilities suggests, as the end of a message; "" if none."""
    units = {"log10": 1 / math.log(10), "log2": 1 / math.log(2)}
    ratio = scored / predicted if predicted else math.nan
    return "".join(f": these look like {name}" for name, value in units.items() if abs(ratio - value) < 1e-3)
