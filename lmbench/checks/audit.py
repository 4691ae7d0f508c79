"""Audit a fitted model on the text that it has scored."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from lmbench.checks.comparison import require_same, require_same_beginning, require_sum_of_one, tolerance_of
from lmbench.checks.events import Comparison, Event, decode, event_at, require_agreement
from lmbench.checks.reading import DocumentReader
from lmbench.checks.sample import AuditSample
from lmbench.checks.verdicts import CheckFailedError, NotApplicable, require
from lmbench.errors import describe, one_line
from lmbench.model import LanguageModel
from lmbench.score import Score, checked_scores

Item = TypeVar("Item")

_CUTS = 2  # of each document
_EVENTS, _UNKNOWN_EVENTS = 40, 10
_SECONDS = 2.0  # after which the audit ends, if it has done the fewest pieces of work:
_FEWEST_READINGS, _FEWEST_EVENTS = 4, 10
_LONGEST, _LONGEST_PRETRAINED, _SHORTEST = 20_000, 4_000, 2_000  # characters that are scored again at once
_ENDING = 500  # characters


class Audit(BaseModel):
    """The results of an audit.

    Attributes:
        documents: The documents that were scored again, each alone.
        prefixes: The prefixes of documents that were scored, alone and before another ending.
        positions: The events that were compared with their distributions.
        excused: The events that cannot be compared, because the text before them is split in another way if nothing
            follows it.
        spellings: The unknown words whose spelling cost was compared with the letter model's.
        largest_difference: Nats by which two scores of the same event differ at most.
        largest_sum_error: The largest distance of a distribution's sum from 1.
        rescored: The documents that a fresh process scored again, in another order and other batches.
        not_rescored: Why a full audit did not score them again, in one line; empty if there was no such reason.
        failure: What failed first and where, in one line; empty if the audit found nothing wrong.
        seconds: How long the audit took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    documents: int = 0
    prefixes: int = 0
    positions: int = 0
    excused: int = 0
    spellings: int = 0
    largest_difference: float = 0.0
    largest_sum_error: float = 0.0
    rescored: int = 0
    not_rescored: str = ""
    failure: str = ""
    seconds: float = 0.0


def audit(model: LanguageModel, sample: AuditSample) -> Audit:
    """Audit a fitted model on documents that it has scored.

    Each document is scored again alone; at random cuts, its prefix is scored alone and before another ending; and at
    random events, the next-event distribution must sum to 1 and say what the event costs, and the spelling of an
    unknown word must cost what the letter model says. The work is done in random order. It ends early if the model is
    slow.

    Returns:
        The results; they include the first failure, whatever the model raised.
    """
    started = time.perf_counter()
    auditor = _Auditor(model, sample)
    failure = ""
    try:
        auditor.score_again()
        auditor.examine_events()
    except CheckFailedError as error:
        failure = str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
        failure = f"{auditor.place}: {describe(error)}"
    return auditor.results.model_copy(update={"failure": one_line(failure), "seconds": time.perf_counter() - started})


@dataclass(frozen=True, slots=True)
class _Reading:
    """A document, or its beginning, to score again.

    Attributes:
        index: The index of the document in the sample.
        cut: Where its beginning ends, in characters; None to score the whole document.
        length: The number of characters to score.
    """

    index: int
    cut: int | None
    length: int


class _Auditor:
    """An audit that is under way.

    Attributes:
        results: What has been found so far.
        place: Describes what the audit does at the moment.
    """

    def __init__(self, model: LanguageModel, sample: AuditSample) -> None:
        self.results, self.place = Audit(), "the audit"
        self._model, self._sample = model, sample
        self._generator = random.Random(sample.seed)
        longest = _LONGEST_PRETRAINED if model.traits.pretrained else _LONGEST
        self._longest = max(_SHORTEST, min(longest, model.traits.batch_characters // 4))

    def score_again(self) -> None:
        """Score documents again, and their beginnings.

        Raises:
            CheckFailedError: A score is not that of the first time.
        """
        tolerance, seconds, characters = tolerance_of(self._model), 0.0, 0
        for reading in self._until_late(self._plan_readings(), _FEWEST_READINGS):
            if reading.length > self._longest and reading.length * seconds > characters * _SECONDS / 2:
                continue  # the beginning of a long document would take too long
            started = time.perf_counter()
            self._read_again(reading, tolerance)
            seconds, characters = seconds + time.perf_counter() - started, characters + reading.length

    def examine_events(self) -> None:
        """Compare events with the distributions and the letter model of the model, if it offers any.

        Raises:
            CheckFailedError: A sum is not 1, or an event is scored another way.
        """
        found = []
        for index, number in self._until_late(self._choose_events(), _FEWEST_EVENTS):
            self._name_place(index, f"event {number}")
            try:
                found.append(self._examine_event(self._sample.documents[index], self._sample.scores[index], number))
            except NotApplicable:
                return  # the suite reports that the model offers no distribution
            except CheckFailedError as failure:
                raise CheckFailedError(f"{self.place}: {failure}") from None
        require_agreement(found, tolerance_of(self._model))

    def _plan_readings(self) -> list[_Reading]:
        """Return what to score again, in random order; the beginnings of long documents come last."""
        near, far = [], []
        for index, document in enumerate(self._sample.documents):
            length = min(len(document), self._longest)
            near.append(_Reading(index, None if length == len(document) else length, length))
            cuts = [self._generator.randint(1, length) for _ in range(_CUTS if document else 0)]
            near += [_Reading(index, cut, cut) for cut in cuts]
            if length < len(document):
                cut = self._generator.randint(length, len(document))
                far.append(_Reading(index, cut, cut))
        self._generator.shuffle(near)
        return near + far

    def _read_again(self, reading: _Reading, tolerance: float) -> None:
        document = self._sample.documents[reading.index]
        if reading.cut is None:
            self._name_place(reading.index)
            [score] = checked_scores(self._model.score((document,)), (document,))
            difference = require_same(
                self._sample.scores[reading.index], score, tolerance, f"{self.place}, scored in the run and alone"
            )
            self._raise("largest_difference", difference)
            self._add("documents")
        else:
            beginning = document[: reading.cut]
            self._name_place(reading.index, f"cut at byte {len(beginning.encode())}")
            texts = (beginning, beginning + self._draw_ending())
            first, size = self._sample.scores[reading.index], len(beginning.encode())
            scores = checked_scores(self._model.score(texts), texts)
            for name, score in zip(("as a prefix", "before another ending"), scores, strict=True):
                what = f"{self.place}, scored in the run and {name}"
                self._raise("largest_difference", require_same_beginning(first, score, size, tolerance, what))
            self._add("prefixes")

    def _draw_ending(self) -> str:
        """Return another text, from a random place of the audited documents and with words that they may lack."""
        text = self._generator.choice(self._sample.documents)
        start = self._generator.randrange(len(text) + 1)
        return " zzqx 汉字 0\n" + text[start : start + _ENDING] + "\n"

    def _choose_events(self) -> list[tuple[int, int]]:
        """Return random events as the indices of their documents and their numbers, in random order.

        Half of them do not lie far into a document, so that even a slow model is examined at some. Some unknown words
        are among them.
        """
        near, unknown, everywhere = [], [], []
        for index, score in enumerate(self._sample.scores):
            starts = np.concatenate([[0], score.ends[:-1]])[: len(score.ends)]
            longest = len(self._sample.documents[index][: self._longest].encode())
            everywhere += [(index, number) for number in range(len(starts))]
            near += [(index, number) for number in np.flatnonzero(starts <= longest).tolist()]
            unknown += [(index, number) for number in np.flatnonzero(score.spelling < 0).tolist()]
        chosen = {
            *_sample(self._generator, near, _EVENTS // 2),
            *_sample(self._generator, everywhere, _EVENTS // 2),
            *_sample(self._generator, unknown, _UNKNOWN_EVENTS),
        }
        return self._generator.sample(sorted(chosen), len(chosen))

    def _examine_event(self, document: str, score: Score, number: int) -> Comparison | None:
        found = DocumentReader(self._model, document, score).compare(number)
        if found is not None:
            self._add("excused" if found.difference is None else "positions")
            self._raise("largest_difference", abs(found.difference or 0.0))
            self._raise("largest_sum_error", abs(found.total - 1))
            require_sum_of_one(found.total)
        if score.spelling[number] < 0:
            self._examine_spelling(event_at(document.encode(), score, number))
        return found

    def _examine_spelling(self, event: Event) -> None:
        before = decode(event.before)
        if before is None:
            return
        charged = self._model.state_after(before).spelling_logprob(event.spelling)
        if charged is not None:
            self._add("spellings")
            found = f"the spelling of {event.spelling!r} is charged {event.spelling_logprob:.6f}"
            require(
                abs(charged - event.spelling_logprob) <= tolerance_of(self._model),
                f"{found}, but costs {charged:.6f} in the letter model",
            )

    def _name_place(self, index: int, place: str = "") -> None:
        self.place = ", ".join(filter(None, (f"document {self._sample.numbers[index]}", place)))

    def _add(self, count: str) -> None:
        """Add one to a count of the results."""
        self.results = self.results.model_copy(update={count: getattr(self.results, count) + 1})

    def _raise(self, largest: str, value: float) -> None:
        """Raise a largest value of the results to a value, if that is larger."""
        self.results = self.results.model_copy(update={largest: max(getattr(self.results, largest), value)})

    @staticmethod
    def _until_late(work: Iterable[Item], fewest: int) -> Iterator[Item]:
        """Yield the pieces of work until half the audit's time is over, but at least some of them."""
        started = time.perf_counter()
        for done, piece in enumerate(work):
            if done >= fewest and time.perf_counter() - started > _SECONDS / 2:
                return
            yield piece


def _sample(generator: random.Random, entries: Sequence[Item], most: int) -> list[Item]:
    return generator.sample(entries, min(most, len(entries)))
