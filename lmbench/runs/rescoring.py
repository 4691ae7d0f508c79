"""Score a whole test split once more, in a fresh process, in another order and in other batches."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lmbench.checks.audit import Audit
from lmbench.checks.comparison import LARGEST_TOLERANCE, tolerance_of, total_tolerance
from lmbench.errors import LmbenchError, ScoreError, one_line
from lmbench.metrics import Tally, tally_joined
from lmbench.model import Saveable
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.cells import CellJob, CellResult, CellWork, Places
from lmbench.runs.evaluation import BATCH_CHARACTERS, TimedModel
from lmbench.runs.models import build_model
from lmbench.runs.reports import SendingProgress, repeat_report
from lmbench.runs.scoring import Events, Ready, Scored, Scoring, score_in_process
from lmbench.runs.store import close_log
from lmbench.runs.worker import Channel, as_error, find_log
from lmbench.score import JoinedScores

_FEWEST_BATCHES = 5
_LOG = "audit-log.txt"


StartWork = Callable[[Callable[[Channel], object], Path, Callable[[object], object]], object]
"""Does work in a fresh process, as `Worker.run` does."""


def score_again(start_work: StartWork, job: CellJob, places: Places, first: CellResult, progress: Progress) -> Audit:
    """Score all documents of a cell again, and return its audit with the results of this.

    Args:
        start_work: Does work in a fresh process.
        job: The cell. The model is restored from where it was saved, or fitted again if it cannot be saved.
        places: Where its files are.
        first: The results of the cell.
        progress: Receives reports.
    """
    started = time.perf_counter()
    scoring = _SecondScoring(job, first, progress.part("audit"))
    not_rescored = failure = ""
    log = places.folder / _LOG
    try:
        work = CellWork(job.model.source, job.corpus.training, job.fit, use_store=False)
        ending = start_work(partial(_score_again_in_process, work, places.saved), log, scoring.receive)
        scoring.require_end(ending, find_log(log, places.final / _LOG))
    except _OtherModelError as error:
        not_rescored = one_line(str(error))
        progress.notice(f"{job.model.spec} on {job.corpus.name} is not scored again: {not_rescored}")
    except LmbenchError as error:
        failure = one_line(f"scored again by a fresh process, in another order: {error}")
    close_log(log)
    audit = first.audit or Audit()
    seconds = audit.seconds + time.perf_counter() - started
    return audit.model_copy(
        update={"rescored": scoring.done, "not_rescored": not_rescored, "failure": failure, "seconds": seconds}
    )


class _OtherModelError(LmbenchError):
    """A model that was fitted again is another one, such as one that is trained for a limited time."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A message of a process whose model is ready.

    Attributes:
        signature: The model's signature.
        is_restored: Whether the model was saved and restored, and not fitted again.
        tolerance: Nats by which equal scores of an event may differ.
    """

    signature: str
    is_restored: bool
    tolerance: float


def _score_again_in_process(work: CellWork, saved: Path | None, channel: Channel) -> str:
    """Score the documents that the run gives out, and return "" as soon as there are no more."""
    model = build_model(work.source)
    if is_restored := isinstance(model, Saveable) and saved is not None:
        model.restore(saved)
    timed = TimedModel(model)
    if not is_restored:
        work.prepare(timed, CheckedProgress(SendingProgress(channel)))
    channel.send(_Prepared(str(timed.sign()), is_restored, tolerance_of(model)))
    score_in_process(timed, channel)
    return ""


class _SecondScoring:
    """A test split that is being scored again.

    Attributes:
        done: The documents that had the same scores.
    """

    def __init__(self, job: CellJob, first: CellResult, progress: Progress) -> None:
        self.done = 0
        self._first, self._progress, self._tolerance = first, progress, 0.0
        documents = job.corpus.test.documents
        order = list(range(len(documents)))
        random.Random(job.row.key).shuffle(order)
        size = min(BATCH_CHARACTERS, 1 + first.metrics.characters // _FEWEST_BATCHES)
        self._scoring = Scoring((documents[number] for number in order), order, self._compare, progress, size)

    def receive(self, message: object) -> object:
        """Return the reply to a message of the process.

        Raises:
            PluginError: The process sent anything else than the message that may come now.
            ScoreError: A score breaks the contract, or is another one than the first time.
        """
        match message:
            case Ready() | Scored() | Events():
                return self._scoring.receive(message)
            case _Prepared(str(signature), bool(is_restored), float(nats)) if 0 <= nats <= LARGEST_TOLERANCE:
                self._tolerance = nats
                self._require_same_model(signature, is_restored)
            case _:
                repeat_report(self._progress, message)
        return None

    def require_end(self, ending: object, log: Path | None) -> None:
        """Check that the process ended well, after it had scored all documents.

        Raises:
            LmbenchError: It did not.
        """
        if ending != "":
            raise as_error(ending, log)
        if not self._scoring.is_done:
            raise ScoreError("the process did not send the scores of each document")

    def _require_same_model(self, signature: str, is_restored: bool) -> None:
        first = str(self._first.record.signature)
        if signature == first:
            return
        if is_restored:
            raise ScoreError(f"the signature of the restored model is {signature}, and was {first}")
        raise _OtherModelError(f"it cannot be saved, and fitted again its signature is {signature} and not {first}")

    def _compare(self, numbers: Sequence[int], documents: Sequence[str], scores: JoinedScores) -> None:
        counts = tally_joined(documents, scores, numbers)
        for row, number in enumerate(numbers):
            now, first = _Sums.of(counts, row), _Sums.of(self._first.counts, number)
            if not now.is_close(first, self._tolerance):
                raise ScoreError(f"document {number} costs {now}, and cost {first} the first time")
            self.done += 1


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sums of one document."""

    events: int
    bits: float
    spelling_bits: float

    @classmethod
    def of(cls, counts: Tally, row: int) -> _Sums:
        return cls(int(counts.events[row]), float(counts.bits[row]), float(counts.spelling_bits[row]))

    def __str__(self) -> str:
        return f"{self.bits:.4f} bits in {self.events} events ({self.spelling_bits:.4f} bits for spelling)"

    def is_close(self, other: _Sums, tolerance: float) -> bool:
        """Return whether the sums differ by no more than rounding, given the nats by which an event may differ."""
        allowed = total_tolerance(tolerance, self.events) / math.log(2)
        return (
            self.events == other.events
            and abs(self.bits - other.bits) <= allowed
            and abs(self.spelling_bits - other.spelling_bits) <= allowed
        )
