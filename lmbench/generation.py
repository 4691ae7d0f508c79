"""Text generation: events drawn one after another from a model's own distributions."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats
from lmbench.errors import GenerationError, LmbenchError
from lmbench.model import LanguageModel
from lmbench.state import NextEvents


@dataclass(frozen=True, slots=True)
class Sampler:
    """Chooses the next event from a distribution: the most likely one, or one drawn at a temperature.

    The temperature applies first, then top_k, then top_p, as in transformers.

    Attributes:
        temperature: 0 chooses the most likely event (of equally likely ones, the first); above 0, events are drawn
            with probabilities p^(1/temperature). None means 1 if top_k or top_p is given, else 0.
        top_k: Draw only from the k most likely events, and any that are as likely as the last of them; 0: from all.
        top_p: Draw only from the smallest set of most likely events that together have this probability (Holtzman et
            al. 2020).
        seed: Seed of the random draws.

    Raises:
        LmbenchError: A value is out of range, or top_k or top_p is given at temperature 0, at which nothing is drawn.
    """

    temperature: float | None = None
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        temperature, filters = self._temperature, self.top_k or self.top_p != 1
        for holds, problem in (
            (0 <= temperature < np.inf, f"a temperature of {temperature:g} is not between 0 and infinity"),
            (self.top_k >= 0, f"a top-k of {self.top_k} is below 0"),
            (0 < self.top_p <= 1, f"a top-p of {self.top_p:g} is not above 0 and at most 1"),
            (self.seed >= 0, f"a seed of {self.seed} is below 0"),
            (
                temperature or not filters,
                "at temperature 0 nothing is drawn: leave top-k and top-p out, or raise the temperature",
            ),
        ):
            if not holds:
                raise LmbenchError(problem)

    @property
    def is_greedy(self) -> bool:
        """Whether nothing is drawn, so that the text is the same each time."""
        return self._temperature == 0

    @property
    def _temperature(self) -> float:
        return float(bool(self.top_k) or self.top_p != 1) if self.temperature is None else self.temperature

    def choose(self, logprobs: Floats, generator: np.random.Generator) -> int:
        """Choose one event.

        Args:
            logprobs: (events,) nats, at least one of them finite.
            generator: The source of random numbers.

        Returns:
            The event's index.
        """
        if self.is_greedy:
            return int(np.argmax(logprobs))
        probabilities = self.probabilities(logprobs)
        return int(generator.choice(len(probabilities), p=probabilities))

    def probabilities(self, logprobs: Floats) -> Floats:
        """Return the probabilities with which events are drawn, (events,), if the temperature is not 0."""
        with np.errstate(over="ignore"):  # at 1e-310 all but the most likely are infinitely far below
            scaled = (logprobs - logprobs.max()) / self._temperature
        if 0 < self.top_k < len(scaled):
            scaled = np.where(scaled >= np.partition(scaled, -self.top_k)[-self.top_k], scaled, -np.inf)
        probabilities: Floats = np.exp(scaled)
        probabilities /= probabilities.sum()
        if self.top_p < 1:
            order = np.argsort(-probabilities, kind="stable")
            mass_above = np.cumsum(probabilities[order]) - probabilities[order]  # mass of more likely events
            probabilities[order[mass_above >= self.top_p]] = 0.0
            probabilities /= probabilities.sum()
        return probabilities


def generate(
    model: LanguageModel, prompt: str, max_new_tokens: int, sampler: Sampler | None = None, number: int = 0
) -> Iterator[str]:
    """Yield the text after a prompt as it is generated.

    An event without a certain text, such as an unknown word, is never chosen; its probability is shared among the
    others. A part is yielded when its characters are complete. Bytes that are not UTF-8 become U+FFFD.

    Args:
        model: A model that is ready to score.
        prompt: The text to continue.
        max_new_tokens: Maximum number of events to generate; fewer if the model ends the text.
        sampler: How to choose events; by default the most likely one.
        number: Distinguishes samples that share a seed.

    Raises:
        GenerationError: The model offers no distribution, or none over texts.
    """
    return whole_characters(_generate_bytes(model, prompt, max_new_tokens, sampler or Sampler(), number))


def write_until(
    model: LanguageModel, prompt: str, stops: Sequence[str], most_events: int, sampler: Sampler | None = None
) -> str:
    """Return the text after a prompt, up to the first of some texts, which is not a part of it.

    Args:
        model: A model that is ready to score.
        prompt: The text to continue.
        stops: The texts.
        most_events: Maximum number of events to generate.
        sampler: How to choose events; by default the most likely one.

    Raises:
        GenerationError: The model offers no distribution, or none over texts.
    """
    text = ""
    for part in generate(model, prompt, most_events, sampler):
        text += part
        if places := [place for stop in stops if (place := text.find(stop)) >= 0]:
            return text[: min(places)]
    return text


def require_distribution(model: LanguageModel) -> None:
    """Check that a model's class offers a distribution over the next event, before the model is loaded or fitted.

    Raises:
        GenerationError: It does not, so the model can never generate text.
    """
    kind = type(model)
    if (kind.state_after, kind.next_events) == (LanguageModel.state_after, LanguageModel.next_events):
        raise GenerationError(f"{kind.__name__} cannot generate text: the model offers no next-event distribution")


def whole_characters(parts: Iterable[bytes]) -> Iterator[str]:
    """Decode UTF-8 in parts that may end inside a character. Bytes that belong to no character become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for part in parts:
        if text := decoder.decode(part):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def _generate_bytes(
    model: LanguageModel, prompt: str, max_new_tokens: int, sampler: Sampler, number: int
) -> Iterator[bytes]:
    generator = np.random.default_rng([sampler.seed, number])
    try:
        state = model.state_after(prompt)
    except NotImplementedError as reason:
        raise GenerationError(f"{type(model).__name__} cannot generate text: {reason}") from reason
    for left in range(max_new_tokens, 0, -1):
        following = state.next_events()
        event = sampler.choose(_logprobs_of_texts(model, following), generator)
        spelling = following.spellings[event]
        if not spelling:  # the end of the text
            return
        yield spelling
        if left > 1:
            state.advance(event)


def _logprobs_of_texts(model: LanguageModel, following: NextEvents) -> Floats:
    """Return the log-probabilities of the next events, (events,), -inf for those without a certain text.

    Raises:
        GenerationError: No event has a text and a probability above 0.
    """
    name = type(model).__name__
    if not following.spellings:
        raise GenerationError(f"{name} cannot generate text: it does not say how its next events are spelled")
    certain = np.fromiter((spelling is not None for spelling in following.spellings), dtype=bool)
    logprobs = np.where(certain, following.logprobs, -np.inf)
    if not np.isfinite(logprobs).any():
        raise GenerationError(f"{name} cannot generate text here: every event with a text has probability 0")
    return logprobs
