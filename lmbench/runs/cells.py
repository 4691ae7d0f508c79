"""Evaluate a cell: one model on one corpus, in a process of its own.

The process fits the model, and only then asks for documents (scoring.py). The run checks and sums the scores. When all
documents are scored, the model is audited on some of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import ValidationError

from lmbench.checks import Outcome
from lmbench.checks.audit import Audit
from lmbench.checks.comparison import IMPOSSIBLE_GAIN
from lmbench.checks.sample import AuditSample, choose_documents
from lmbench.corpora.on_disk import measure_sizes
from lmbench.corpus import Corpus, TrainingText
from lmbench.errors import CorpusError, LmbenchError, PluginError, ScoreError, reason
from lmbench.identity import fit_key
from lmbench.metrics import Metrics, Tally, TallyColumns, tally_joined
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.cell_files import LARGEST_SCORED, LOG, SCORES, ScoresFile
from lmbench.runs.evaluation import ModelRecord, TimedModel, require_test_text
from lmbench.runs.examination import Audited, Checked, Examination, Findings, examine
from lmbench.runs.fitted_models import Fit, FittedModels
from lmbench.runs.here import WorkHere
from lmbench.runs.models import ModelSource, SelectedModel, build_model, plugin_version
from lmbench.runs.records import AuditKind, Row
from lmbench.runs.reports import SendingProgress, repeat_report
from lmbench.runs.scoring import Events, Ready, Scored, Scoring, score_in_process
from lmbench.runs.worker import UNLIMITED, Channel, Limits, Worker, as_error, find_log
from lmbench.score import JoinedScores, Score
from lmbench.signature import Signature

_LONGEST_AUDITED = 500_000  # characters of a document; an audit never scores as many again
_MISSING = "the process did not send the scores of each document"


@dataclass(frozen=True, slots=True)
class CellJob:
    """A cell to evaluate.

    Attributes:
        row: Its row.
        model: The model.
        corpus: The text.
        audit: How the cell is audited.
        checks: Whether to run the suite's scoring checks on the fitted model.
        keep_scores: Whether to store each event.
        use_store: Whether to use the store of fitted models.
    """

    row: Row
    model: SelectedModel
    corpus: Corpus
    audit: AuditKind = "sample"
    checks: bool = False
    keep_scores: bool = True
    use_store: bool = True

    @property
    def fit(self) -> Fit:
        """What the store knows the fit by."""
        text = None if self.model.pretrained else self.corpus.training
        return Fit(fit_key(self.model.identity, text), str(self.model.spec), self.corpus.name)


@dataclass(frozen=True, slots=True)
class CellResult:
    """The results of a cell.

    Attributes:
        record: The record of the model.
        signature: Everything that the numbers depend on.
        counts: The sums of each document.
        metrics: The numbers.
        audit_kind: The audit that was asked for.
        audit: The results of the audit; None if there was none.
        outcomes: The outcomes of the suite's scoring checks; empty if they were not run.
        excess: Why no honest model can have these numbers, in one line; "" if one can.
    """

    record: ModelRecord
    signature: Signature
    counts: Tally
    metrics: Metrics
    audit_kind: AuditKind
    audit: Audit | None
    outcomes: tuple[Outcome, ...]
    excess: str

    @property
    def can_be_rescored(self) -> bool:
        """Whether there was an audit that ended well, so that the documents may be scored once more."""
        return self.audit is not None and not (self.audit.failure or self.audit.not_rescored)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a cell go while it is evaluated.

    Attributes:
        folder: The folder of its files: its log, and its events if they are stored.
        final: Where this folder will be, within the run directory, for messages.
        saved: Where the fitted model is saved in the end, if it can be saved; None to save it nowhere.
    """

    folder: Path
    final: Path
    saved: Path | None = None

    @property
    def log(self) -> Path:
        """What the cell's process prints."""
        return self.folder / LOG


def evaluate_cell(
    worker: Worker | WorkHere, job: CellJob, places: Places, progress: Progress, limits: Limits = UNLIMITED
) -> CellResult | LmbenchError:
    """Return the results of a cell, or the error that ended it. A plugin in the process may send anything."""
    try:
        with worker:  # ends the process, which waits for work, if there is nothing to score
            require_test_text(job.corpus)
            with _Evaluation(job, places, progress) as evaluation:
                work = CellWork(job.model.source, job.corpus.training, job.fit, job.use_store)
                ending = worker.run(partial(_evaluate_in_process, work), places.log, evaluation.receive, limits)
        return evaluation.finish(ending)
    except (CorpusError, PluginError, ScoreError) as error:
        return error


@dataclass(frozen=True, slots=True)
class CellWork:
    """The work of a cell's process. It holds nothing of the test split.

    Attributes:
        source: What the model is built from.
        text: The text to fit it on.
        fit: What the store knows the fit by.
        use_store: Whether to use the store of fitted models.
    """

    source: ModelSource
    text: TrainingText
    fit: Fit
    use_store: bool

    def prepare(self, model: TimedModel, progress: Progress) -> None:
        """Fit the model or restore it."""
        model.prepare(self.text, self.fit, progress, FittedModels() if self.use_store else None)


@dataclass(frozen=True, slots=True)
class _Finished:
    """Asks, once everything is scored: what should be examined? `record` is a ModelRecord as JSON."""

    record: str


def _evaluate_in_process(work: CellWork, channel: Channel) -> str:
    """Evaluate and examine the model. Return why it cannot be saved, in one line; "" if it can."""
    timed = TimedModel(build_model(work.source))
    work.prepare(timed, CheckedProgress(SendingProgress(channel)))
    score_in_process(timed, channel)
    examination = channel.ask(_Finished(timed.record().model_dump_json()))
    return examine(timed.model, examination, channel)


class _Evaluation:
    """A cell whose process is at work."""

    def __init__(self, job: CellJob, places: Places, progress: Progress) -> None:
        self._job, self._places, self._progress = job, places, progress
        test = job.corpus.test
        self._columns = TallyColumns(len(test.documents))
        self._scoring = Scoring(test.documents, range(len(test.documents)), self._tally, progress)
        self._sampled = (
            () if job.audit == "none" else choose_documents(measure_sizes(test.documents).tolist(), job.row.key)
        )
        self._kept: dict[int, tuple[str, Score]] = {}
        self._record: ModelRecord | None = None
        self._findings: Findings | None = None
        self._events = ExitStack()
        self._file: ScoresFile | None = None

    def __enter__(self) -> Self:
        test = self._job.corpus.test
        if self._job.keep_scores and test.size <= LARGEST_SCORED:
            longest = max(measure_sizes(test.documents).tolist(), default=0)
            self._file = self._events.enter_context(ScoresFile(self._places.folder / SCORES, longest))
        return self

    def __exit__(self, *error: Any) -> None:
        self._events.__exit__(*error)

    def receive(self, message: object) -> object:
        """Return the reply to a message of the process.

        Raises:
            PluginError: The process sent anything else than the message that may come now.
            ScoreError: A score breaks the contract.
        """
        match message:
            case Ready() | Scored() | Events():
                return self._scoring.receive(message)
            case _Finished(str(record)) if self._record is None:
                return self._end_scoring(record)
            case Audited(str()) | Checked(str()) if self._findings is not None:
                self._findings.receive(message)
            case _:
                repeat_report(self._progress, message)
        return None

    def finish(self, ending: object) -> CellResult | LmbenchError:
        """Return the results, or the error, given how the process ended."""
        record, corpus = self._record, self._job.corpus
        log = find_log(self._places.log, self._places.final / LOG)
        if not isinstance(ending, str) and self._findings is None:
            return as_error(ending, log)
        if record is None:
            return ScoreError(_MISSING)
        audit, outcomes = self._findings.finish(ending, log) if self._findings else (None, ())
        counts = self._columns.tally()
        metrics = record.summarize(counts, corpus)
        return CellResult(
            record=record,
            signature=record.sign(corpus) + Signature(plugin_version(self._job.model.registered)),
            counts=counts,
            metrics=metrics,
            audit_kind=self._job.audit,
            audit=audit,
            outcomes=outcomes,
            excess=_find_excess(metrics, corpus) if record.normalized else "",
        )

    def _tally(self, numbers: Sequence[int], documents: Sequence[str], scores: JoinedScores) -> None:
        self._columns.add(tally_joined(documents, scores, numbers))
        if self._file is not None:
            self._file.add(scores)
        borders = scores.borders
        for number in self._sampled:
            if number in numbers:
                row = numbers.index(number)
                score = scores.score(int(borders[row]), int(borders[row + 1]))
                self._kept[number] = _beginning(documents[row], score)

    def _end_scoring(self, record: str) -> Examination:
        if not self._scoring.is_done:
            raise ScoreError(_MISSING)
        try:
            self._record = ModelRecord.model_validate_json(record)
        except ValidationError as error:
            raise PluginError(f"the process sent a result that is not valid: {reason(error)}") from error
        if not self._record.normalized or (self._job.audit == "none" and not self._job.checks):
            return Examination()
        self._progress("audit", 0.0)
        examination = Examination(self._sample(), self._job.checks, self._places.saved)
        self._findings = Findings(examination)
        return examination

    def _sample(self) -> AuditSample | None:
        """Return the sample to audit, with the scores that the documents had; None for no audit."""
        kept = [self._kept[number] for number in self._sampled]
        if not kept:
            return None
        documents, scores = zip(*kept, strict=True)
        return AuditSample(self._sampled, documents, scores, self._job.row.key)


def _beginning(document: str, score: Score) -> tuple[str, Score]:
    """Return as much of a document as an audit may need, and a copy of the score of this part."""
    text = document[:_LONGEST_AUDITED]
    end = int(np.searchsorted(score.ends, len(text.encode()), side="right"))
    return text, Score(score.ends[:end].copy(), score.logprobs[:end].copy(), score.spelling[:end].copy())


def _find_excess(metrics: Metrics, corpus: Corpus) -> str:
    """Return why no honest model can be as good as these numbers; "" if one can.

    By Markov's inequality, a model gives a random text a probability a million times as high as that of the text's
    source in at most one of a million cases, because its probabilities of all such texts sum to at most 1.
    """
    if corpus.floor is None:
        return ""
    excess = math.fsum(corpus.floor) - metrics.bits * math.log(2)
    if excess <= IMPOSSIBLE_GAIN:
        return ""
    return (
        f"{excess:.1f} nats likelier than the source's own probability, which an honest model reaches with "
        "a probability below 1e-6"
    )
