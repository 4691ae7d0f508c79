"""Audit a fitted model on the text that it has scored."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from lmbench.checks.comparison import SUM_TOLERANCE, common_events, require_no_bias, require_same, tolerance_of
from lmbench.checks.events import Event, compare_with_distribution, decode, event_at
from lmbench.checks.sample import AuditSample
from lmbench.checks.verdicts import CheckFailedError, NotApplicable, require
from lmbench.errors import describe, one_line
from lmbench.model import LanguageModel
from lmbench.score import checked_scores

Work = TypeVar("Work")

_CUTS = 2  # of each document
_EVENTS, _UNKNOWN_EVENTS = 40, 10
_SECONDS = 2.0  # after which the audit ends, if it has done the fewest pieces of work:
_FEWEST_RESCORINGS, _FEWEST_EVENTS = 4, 8
_LONGEST, _LONGEST_PRETRAINED = 20_000, 4_000  # characters that are scored again at once
_ENDING = 500  # characters


class Audit(BaseModel):
    """The results of an audit.

    Attributes:
        documents: The documents that were scored again, each alone.
        prefixes: The prefixes of documents that were scored, alone and before another ending.
        positions: The events whose distribution was examined.
        spellings: The unknown words whose spelling cost was compared with the letter model's.
        largest_difference: Nats by which two scores of the same event differ at most.
        largest_sum_error: The largest distance of a distribution's sum from 1.
        rescored: The documents that a fresh process scored again, in another order and other batches.
        failure: What failed first and where, in one line; empty if the audit found nothing wrong.
        seconds: How long the audit took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    documents: int = 0
    prefixes: int = 0
    positions: int = 0
    spellings: int = 0
    largest_difference: float = 0.0
    largest_sum_error: float = 0.0
    rescored: int = 0
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
class _Rescoring:
    """A document to score again.

    Attributes:
        index: Its index in the sample.
        cut: Where its prefix ends, in characters; None to score the whole document.
    """

    index: int
    cut: int | None


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
        self._longest = _LONGEST_PRETRAINED if model.traits.pretrained else _LONGEST
        self._longest = min(self._longest, model.traits.batch_characters // 4)

    def score_again(self) -> None:
        """Score documents again, and their prefixes.

        Raises:
            CheckFailedError: A score is not that of the first time.
        """
        tolerance, work = tolerance_of(self._model), self._plan_rescoring()
        for rescoring in self._until_late(work, _FEWEST_RESCORINGS):
            document = self._sample.documents[rescoring.index]
            if rescoring.cut is None:
                self._compare(rescoring, (document,), ("alone",), tolerance)
                self._count(documents=1)
            else:
                prefix = document[: rescoring.cut]
                texts = (prefix, prefix + self._other_ending())
                self._compare(rescoring, texts, ("as a prefix", "before another ending"), tolerance)
                self._count(prefixes=1)

    def examine_events(self) -> None:
        """Compare events with the distributions and the letter model of the model, if it offers any.

        Raises:
            CheckFailedError: A sum is not 1, or an event is scored another way.
        """
        differences = []
        for index, number in self._until_late(self._choose_events(), _FEWEST_EVENTS):
            document, score = self._sample.documents[index], self._sample.scores[index]
            self._name_place(index, f"event {number}")
            try:
                found = compare_with_distribution(self._model, document, score, number)
                self._examine_spelling(event_at(document.encode(), score, number))
            except NotApplicable:
                return  # the suite reports that the model offers no distribution
            except CheckFailedError as failure:
                raise CheckFailedError(f"{self.place}: {failure}") from None
            if found is not None:
                error = abs(found.total - 1)
                self._count(positions=1, largest_difference=abs(found.difference), largest_sum_error=error)
                differences.append(found.difference)
                require(error <= SUM_TOLERANCE, f"{self.place}: the next events sum to {found.total:.7f}")
        require_no_bias(
            np.array(differences), tolerance_of(self._model), "audited events, scored and as the distributions say"
        )

    def _plan_rescoring(self) -> list[_Rescoring]:
        work = []
        for index, document in enumerate(self._sample.documents):
            whole = None if len(document) <= self._longest else self._longest
            cuts = [
                self._generator.randint(1, min(len(document), self._longest)) for _ in range(_CUTS if document else 0)
            ]
            work += [_Rescoring(index, cut) for cut in (whole, *cuts)]
        self._generator.shuffle(work)
        return work

    def _compare(self, rescoring: _Rescoring, texts: tuple[str, ...], names: tuple[str, ...], tolerance: float) -> None:
        """Compare the scores of texts with the score of the document with which they begin."""
        size = len(self._sample.documents[rescoring.index][: rescoring.cut].encode())
        self._name_place(rescoring.index, "" if rescoring.cut is None else f"cut at byte {size}")
        for name, score in zip(names, checked_scores(self._model.score(texts), texts), strict=True):
            first = self._sample.scores[rescoring.index]
            pair = (
                (first, score)
                if name == "alone"
                else (common_events(first, score, size), common_events(score, first, size))
            )
            difference = require_same(*pair, tolerance, f"{self.place}, scored in the run and {name}")
            self._count(largest_difference=difference)

    def _other_ending(self) -> str:
        """Return another text, from a random place of the audited documents and with words that they may lack."""
        text = self._generator.choice(self._sample.documents)
        start = self._generator.randrange(len(text) + 1)
        return " zzqx 汉字 0\n" + text[start : start + _ENDING] + "\n"

    def _choose_events(self) -> list[tuple[int, int]]:
        """Return random events as the indices of their documents and their numbers, beginning with unknown words."""
        places, unknown = self._list_places()
        return [*_sample(self._generator, unknown, _UNKNOWN_EVENTS), *_sample(self._generator, places, _EVENTS)]

    def _list_places(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the documents and numbers of all events whose history is not too long, and those of unknown words."""
        places, unknown = [], []
        for index, score in enumerate(self._sample.scores):
            numbers = np.flatnonzero(np.concatenate([[0], score.ends[:-1]])[: len(score.ends)] <= self._longest)
            places += [(index, number) for number in numbers.tolist()]
            unknown += [(index, number) for number in numbers[score.spelling[numbers] < 0].tolist()]
        return places, unknown

    def _examine_spelling(self, event: Event) -> None:
        before = decode(event.before)
        if not event.is_unknown or before is None:
            return
        charged = self._model.state_after(before).spelling_logprob(event.spelling)
        if charged is not None:
            self._count(spellings=1)
            difference = abs(charged - event.spelling_logprob)
            found = f"the spelling of {event.spelling!r} is charged {event.spelling_logprob:.6f}"
            require(difference <= tolerance_of(self._model), f"{found}, but costs {charged:.6f} in the letter model")

    def _name_place(self, index: int, place: str) -> None:
        self.place = ", ".join(filter(None, (f"document {self._sample.numbers[index]}", place)))

    def _count(self, **found: float) -> None:
        """Add to the counts of the results, and raise their largest values."""
        old = {name: getattr(self.results, name) for name in found}
        new = {
            name: max(old[name], value) if name.startswith("largest") else old[name] + value
            for name, value in found.items()
        }
        self.results = self.results.model_copy(update=new)

    @staticmethod
    def _until_late(work: Iterable[Work], fewest: int) -> Iterator[Work]:
        """Yield the pieces of work until half the audit's time is over, but at least some of them."""
        started = time.perf_counter()
        for done, piece in enumerate(work):
            if done >= fewest and time.perf_counter() - started > _SECONDS / 2:
                return
            yield piece


def _sample(generator: random.Random, entries: Sequence[Work], most: int) -> list[Work]:
    return generator.sample(entries, min(most, len(entries)))
