"""The search: each candidate is fitted, and scores the validation split."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.corpus import Split, TrainingText, batches
from lmbench.errors import LmbenchError, UnavailableError
from lmbench.exhibit import Exhibit
from lmbench.model import LanguageModel
from lmbench.progress import Progress
from lmbench.saved import SavedFacts
from lmbench.score import checked_scores
from lmbench.tuning.options import Candidate


class Trial(SavedFacts):
    """A candidate that a search tried.

    Attributes:
        values: The values of its tuned options.
        bits_per_byte: Its bits per byte of the validation split; None if it failed.
        seconds: Wall-clock seconds of fitting it and scoring the validation split.
        error: Why it failed.
    """

    values: tuple[tuple[str, str], ...]
    bits_per_byte: float | None
    seconds: float
    error: str = ""


class SearchRecord(SavedFacts):
    """The trials of a search, and the number of the one that it chose."""

    trials: tuple[Trial, ...]
    chosen: int


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search.

    Attributes:
        model: The chosen model, fitted.
        record: The trials.
    """

    model: LanguageModel
    record: SearchRecord

    @property
    def values(self) -> str:
        """The chosen values."""
        return ", ".join(f"{name}={value}" for name, value in self.record.trials[self.record.chosen].values)


class Search:
    """A search on a text. Besides the candidate at work, it holds only the best one so far."""

    def __init__(self, data: TrainingText, progress: Progress) -> None:
        self._data, self._progress = data, progress
        self._trials: list[Trial] = []
        self._errors: list[LmbenchError] = []
        self._best: tuple[float, int, LanguageModel] | None = None

    def run(self, candidates: Sequence[Candidate]) -> Found:
        """Try all candidates, and return the best one.

        Raises:
            LmbenchError: All candidates failed; the message has the error of the first one.
        """
        for number, candidate in enumerate(candidates):
            part = self._progress.part(str(candidate), number / len(candidates), (number + 1) / len(candidates))
            self._try(candidate, part)
        if self._best is None:
            raise LmbenchError(f"all candidates failed; {candidates[0]}: {self._errors[0]}") from self._errors[0]
        _, number, model = self._best
        return Found(model, SearchRecord(trials=tuple(self._trials), chosen=number))

    def _try(self, candidate: Candidate, progress: Progress) -> None:
        started, bits, error = time.perf_counter(), None, ""
        try:
            model = candidate.build()
            model.prepare(self._data, progress)
            progress("scoring the validation split", 1.0)
            bits = _bits_per_byte(model, self._data.valid)
            if self._best is None or bits < self._best[0]:
                self._best = bits, len(self._trials), model
        except UnavailableError:
            raise
        except LmbenchError as failure:
            self._errors.append(failure)
            error = str(failure)
        seconds = time.perf_counter() - started
        self._trials.append(Trial(values=candidate.values, bits_per_byte=bits, seconds=seconds, error=error))


def _bits_per_byte(model: LanguageModel, split: Split) -> float:
    """Return how many bits a model needs for each byte of a split.

    Raises:
        ScoreError: A score breaks the contract.
    """
    nats = 0.0
    for batch in batches(split.documents, model.traits.batch_characters):
        nats -= sum(float(score.logprobs.sum()) for score in checked_scores(model.score(batch), batch))
    return nats / math.log(2) / split.size


def exhibit_search(record: SearchRecord) -> Exhibit:
    seconds = sum(trial.seconds for trial in record.trials)
    options = tuple(name for name, _ in record.trials[0].values)
    return Exhibit(
        title="Tuning",
        shows=f"Candidates and their bits per byte of the validation split; the search took {seconds:.1f} s.",
        kind="table",
        columns=(*options, "bits/byte on valid", "seconds", "result"),
        rows=tuple(_rows_of_search(record)),
    )


def _rows_of_search(record: SearchRecord) -> Iterator[tuple[str | float | None, ...]]:
    for number, trial in enumerate(record.trials):
        result = "chosen" if number == record.chosen else trial.error
        yield (*(value for _, value in trial.values), trial.bits_per_byte, trial.seconds, result)
