"""Compare the events of a scored document with the distributions of its model."""

from __future__ import annotations

import numpy as np

from lmbench.checks.comparison import tolerance_of
from lmbench.checks.events import (
    Comparison,
    decode,
    difference_from_entry,
    event_at,
    require_agreement,
)
from lmbench.checks.subject import next_events
from lmbench.checks.verdicts import CheckFailedError
from lmbench.model import LanguageModel
from lmbench.score import Score, plain_scores
from lmbench.state import ModelState, NextEvents


class DocumentReader:
    """Follows the events of a scored document.

    The tokens of a text need not be the first tokens of a longer one, so a text does not always say which events a
    model has read. The events of a document do.

    Attributes:
        model: The model.
        document: The document.
        score: Its score.
    """

    def __init__(self, model: LanguageModel, document: str, score: Score) -> None:
        self.model, self.document, self.score = model, document, score
        self._data = document.encode()
        self._state: ModelState | None = None
        self._position = 0

    def distribution_before(self, number: int) -> NextEvents | None:
        """Return the distribution over an event, after all events before it.

        Args:
            number: The number of the event, from 0.

        Returns:
            None if the model's state only knows texts, or cannot read an event before this one, as an unknown word.
        """
        if type(self.model).state_after is LanguageModel.state_after:
            return None
        if self._state is None or number < self._position:
            self._state, self._position = self.model.state_after(""), 0
        while self._position < number:
            if not self._advance(self._state):
                self._state = None
                return None
            self._position += 1
        return self._state.next_events()

    def _advance(self, state: ModelState) -> bool:
        """Read the next event, and return whether the state knows it. Of several with its bytes, its score decides."""
        event = event_at(self._data, self.score, self._position)
        found = [] if event.is_unknown else state.find_events(event.spelling)
        if len(found) > 1:
            logprobs = state.next_events().logprobs
            found = sorted(found, key=lambda index: abs(float(logprobs[index]) - event.logprob))
        if found:
            state.advance(found[0])
        return bool(found)

    def compare(self, number: int) -> Comparison | None:
        """Compare an event of the document with the model's distribution after the text before it.

        A model may know several ways in which its events spell that text, and share the probability among them. The
        event must then have its score in the distribution after the events before it, and this distribution must be a
        part of the one after the text.

        Args:
            number: The number of the event, from 0.

        Returns:
            None if the event begins inside a character, where no text ends.

        Raises:
            CheckFailedError: They differ by more than the model's tolerance.
            NotApplicable: The model offers no distribution.
        """
        event = event_at(self._data, self.score, number)
        before = decode(event.before)
        if before is None:
            return None
        nexts, tolerance = next_events(self.model, before), tolerance_of(self.model)
        total = float(np.exp(nexts.logprobs).sum())
        try:
            return Comparison(difference_from_entry(nexts, event, tolerance), total)
        except CheckFailedError as failure:
            return Comparison(self._compare_own(number, nexts, failure), total)

    def _compare_own(self, number: int, nexts: NextEvents, failure: CheckFailedError) -> float | None:
        """Compare an event with the distribution after the events before it.

        Returns:
            The difference in nats; None if the model cannot be read up to there, and the events before it are not those
            of the text alone, whose distribution it differs from.

        Raises:
            CheckFailedError: They differ, or the distribution is not a part of the one after the text.
        """
        event, tolerance = event_at(self._data, self.score, number), tolerance_of(self.model)
        own = self.distribution_before(number)
        if own is None or not _contains(nexts, own, tolerance):
            before = event.before.decode()
            [alone] = plain_scores(self.model.score((before,)), (before,))
            if alone.ends.tolist() == self.score.ends[:number].tolist():
                raise failure
        return None if own is None else difference_from_entry(own, event, tolerance)


def require_own_distribution(model: LanguageModel, text: str) -> None:
    """Fail unless each event of a text has the log-probability that the model's distribution gives it."""
    [score] = plain_scores(model.score((text,)), (text,))
    reader = DocumentReader(model, text, score)
    require_agreement([reader.compare(number) for number in range(len(score.ends))], tolerance_of(model))


def _contains(nexts: NextEvents, own: NextEvents, tolerance: float) -> bool:
    """Return whether a distribution contains all events of another one, in the same proportions and no more likely."""
    size = len(own.logprobs)
    for start in range(0, len(nexts.logprobs) - size + 1, size):
        if own.spellings and nexts.spellings[start : start + size] == own.spellings:
            possible = np.isfinite(own.logprobs)
            shares = nexts.logprobs[start : start + size][possible] - own.logprobs[possible]
            if np.ptp(shares) <= 2 * tolerance and shares.max() <= tolerance:
                return True
    return False
