"""The events of a scored text, compared with the distributions that the model offers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmbench.checks.subject import CheckFailedError, next_events
from lmbench.model import LanguageModel
from lmbench.score import Score, plain_scores
from lmbench.state import NextEvents
from lmbench.text.tokenizers import PRINTABLE


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a scored text.

    Attributes:
        before: The bytes of the text before the event.
        spelling: The event's own bytes.
        logprob: Nats, without the cost of spelling an unknown word.
        is_unknown: Whether a letter model spelled it.
    """

    before: bytes
    spelling: bytes
    logprob: float
    is_unknown: bool


def events_of(document: str, score: Score) -> Iterator[Event]:
    """Yield the events of a scored document."""
    data, start = document.encode(), 0
    for end, logprob, spelling in zip(score.ends.tolist(), score.logprobs, score.spelling, strict=True):
        yield Event(data[:start], data[start:end], float(logprob - spelling), bool(spelling < 0))
        start = end


def require_own_distribution(model: LanguageModel, text: str) -> None:
    """Fail unless each event of a text has the log-probability that the model's distribution gives it."""
    [score] = plain_scores(model.score([text]), [text])
    for event in events_of(text, score):
        before = decode(event.before)
        if before is None:
            continue  # the event begins inside a character, and no text ends there
        nexts = next_events(model, before)
        candidates = nexts.logprobs[_matching_entries(nexts, event)]
        predicted = float(candidates[np.argmin(np.abs(candidates - event.logprob))])
        if not abs(predicted - event.logprob) <= model.score_tolerance:
            raise CheckFailedError(
                f"after {before.encode()[-20:]!r} the event {event.spelling[-20:]!r} is scored {event.logprob:.6f}, "
                f"but its distribution says {predicted:.6f}{_suspected_unit(event.logprob, predicted)}"
            )


def decode(data: bytes) -> str | None:
    """Return the text of these bytes; None if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _matching_entries(nexts: NextEvents, event: Event) -> list[int]:
    """Return the entries of a distribution that may be this event; all of them, if none is known to be.

    An unknown word is an entry without a spelling: with `pieces`, " ." may be unknown although "." is known. Any other
    event is the entry with its spelling. If the model does not provide spellings, it is the entry named by the event's
    text as it is, without its space, or in GPT-2's notation.
    """
    if event.is_unknown:
        found = [i for i, spelling in enumerate(nexts.spellings) if spelling is None]
    else:
        text = decode(event.spelling) or ""
        variants = {text.removeprefix(" "), text.replace(" ", PRINTABLE[ord(" ")])}
        found = [i for i, spelling in enumerate(nexts.spellings) if spelling == event.spelling]
        found = found or _find_named(nexts, {text}) or _find_named(nexts, variants)
    return found or list(range(len(nexts.names)))


def _find_named(nexts: NextEvents, names: set[str]) -> list[int]:
    return [i for i, name in enumerate(nexts.names) if name in names]


def _suspected_unit(scored: float, predicted: float) -> str:
    """Return which wrong unit the ratio of two log-probabilities suggests, as the end of a message; "" if none."""
    units = {"log10": 1 / math.log(10), "log2": 1 / math.log(2)}
    ratio = scored / predicted if predicted else math.nan
    return "".join(f": these look like {name}" for name, value in units.items() if abs(ratio - value) < 1e-3)
