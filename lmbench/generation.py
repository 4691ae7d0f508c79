"""Text out of a model: events drawn one after another from its own distributions."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.errors import LmbenchError
from lmbench.model import LanguageModel
from lmbench.state import NextEvents

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the next event is chosen from a distribution: the likeliest, or drawn at a temperature.

    temperature  0: always the likeliest event, the first of equals; above: drawn with probabilities p^(1/temperature);
                 None: 0, or 1 where a top_k or top_p says that events are drawn
    top_k        only from this many likeliest events, and those as likely as the last of them; 0: from all
    top_p        only from the fewest likeliest events with together this probability (Holtzman et al. 2020)
    seed         of the draws

    First the temperature, then top_k, then top_p, as transformers does it. Raises LmbenchError for other values, and
    for a top_k or top_p at temperature 0, where nothing is drawn.
    """

    temperature: float | None = None
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for holds, rule in (
            (0 <= self._heat < np.inf, f"a temperature of {self._heat:g} is not between 0 and infinity"),
            (self.top_k >= 0, f"a top-k of {self.top_k} is below 0"),
            (0 < self.top_p <= 1, f"a top-p of {self.top_p:g} is not above 0 and at most 1"),
            (self.seed >= 0, f"a seed of {self.seed} is below 0"),
            (
                self._heat or (not self.top_k and self.top_p == 1),
                "at temperature 0 nothing is drawn: leave top-k and top-p out, or raise the temperature",
            ),
        ):
            if not holds:
                raise LmbenchError(rule)

    @property
    def is_greedy(self) -> bool:
        """Whether nothing is drawn, and the same text comes out each time."""
        return self._heat == 0

    @property
    def _heat(self) -> float:
        return float(bool(self.top_k) or self.top_p != 1) if self.temperature is None else self.temperature

    def choose(self, logprobs: Floats, generator: np.random.Generator) -> int:
        """The number of one event, of which at least one has a probability above 0; logprobs (events,) nats."""
        if self.is_greedy:
            return int(np.argmax(logprobs))
        probabilities = self.probabilities(logprobs)
        return int(generator.choice(len(probabilities), p=probabilities))

    def probabilities(self, logprobs: Floats) -> Floats:
        """With which probabilities (events,) the events are drawn, where they are."""
        with np.errstate(over="ignore"):  # at 1e-310 all but the likeliest are infinitely far below
            scaled = (logprobs - logprobs.max()) / self._heat
        if 0 < self.top_k < len(scaled):
            scaled = np.where(scaled >= np.partition(scaled, -self.top_k)[-self.top_k], scaled, -np.inf)
        probabilities: Floats = np.exp(scaled)
        probabilities /= probabilities.sum()
        if self.top_p < 1:
            order = np.argsort(-probabilities, kind="stable")
            likelier = np.cumsum(probabilities[order]) - probabilities[order]  # the mass of what is likelier
            probabilities[order[likelier >= self.top_p]] = 0.0
            probabilities /= probabilities.sum()
        return probabilities


def generate(
    model: LanguageModel, prompt: str, max_new_tokens: int, sampler: Sampler | None = None, number: int = 0
) -> Iterator[str]:
    """The text after `prompt`, as it is made: at most `max_new_tokens` events, fewer where the model ends the text.

    An event that is no certain text, an unknown word, is never chosen: the others share its probability. A part is
    given out once its characters are whole; bytes that are no UTF-8 become U+FFFD. `number` tells samples of one seed
    apart.
    Raises LmbenchError where the model offers no distribution, or none over texts.
    """
    return whole_characters(_events(model, prompt, max_new_tokens, sampler or Sampler(), number))


def whole_characters(parts: Iterable[bytes]) -> Iterator[str]:
    """UTF-8 in parts that may end inside a character, as text; each byte that belongs to no character as U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for part in parts:
        if text := decoder.decode(part):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def _events(model: LanguageModel, prompt: str, most: int, sampler: Sampler, number: int) -> Iterator[bytes]:
    generator = np.random.default_rng([sampler.seed, number])
    try:
        state = model.state_after(prompt)
    except NotImplementedError as reason:
        raise LmbenchError(f"{type(model).__name__} generates no text: {reason}") from reason
    for left in range(most, 0, -1):
        after = state.next_events()
        event = sampler.choose(_of_texts(model, after), generator)
        spelling = after.spellings[event]
        if not spelling:  # the end of the text
            return
        yield spelling
        if left > 1:
            state.advance(event)


def _of_texts(model: LanguageModel, after: NextEvents) -> Floats:
    """The distribution's log-probabilities (events,), -inf for events that are no certain text. Raises LmbenchError."""
    name = type(model).__name__
    if not after.spellings:
        raise LmbenchError(f"{name} generates no text: it does not say how its next events are spelled")
    certain = np.fromiter((spelling is not None for spelling in after.spellings), dtype=bool)
    logprobs = np.where(certain, after.logprobs, -np.inf)
    if not np.isfinite(logprobs).any():
        raise LmbenchError(f"{name} generates no text here: no event that it thinks possible is a text")
    return logprobs
