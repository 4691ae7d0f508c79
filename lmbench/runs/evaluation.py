"""Evaluate one model on one corpus: prepare it, score the test split, and measure what that costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from lmbench.about import own_version
from lmbench.corpus import Corpus, TrainingText, batches
from lmbench.errors import CorpusError
from lmbench.exhibit import Exhibit, plain_exhibits
from lmbench.metrics import Metrics, Tally, TallyColumns, rate, summarize, tally
from lmbench.model import LanguageModel, plain_footprint, plain_remarks, plain_traits
from lmbench.progress import SILENT, CheckedProgress, Progress
from lmbench.runs.fitted_models import Fit, FittedModels, Prepared, measure_fit
from lmbench.runs.memory import peak_bytes
from lmbench.runs.records import Costs
from lmbench.signature import Signature, plain_signature
from lmbench.tasks.respond import respond
from lmbench.tasks.task import Request, Response

if TYPE_CHECKING:
    import pandas

BATCH_CHARACTERS = 1 << 20
"""About how many characters of documents a batch has at most."""


class ModelRecord(BaseModel):
    """The record of an evaluated model, without its scores.

    Attributes:
        signature: Everything about the model that the numbers depend on.
        fit_seconds: Wall-clock seconds of fitting; None for pretrained models.
        was_stored: Whether the fitted model came from the store.
        score_seconds: Wall-clock seconds of scoring the test split, or of answering a task's requests.
        cpu_seconds: Processor seconds of the process so far.
        peak_bytes: Peak resident memory of the process, or of that which fitted the model.
        parameters: The number of parameters as stored, if known.
        disk_bytes: The model's size on disk, if known.
        exhibits: Tables and curves that show what the model learned.
        remarks: What a reader of the numbers must know about the fit.
        normalized: Whether the scores are probabilities.
        pretrained: Whether any of the weights are pretrained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signature: Signature
    fit_seconds: float | None
    was_stored: bool
    score_seconds: float
    cpu_seconds: float
    peak_bytes: int
    parameters: int | None
    disk_bytes: int | None
    exhibits: tuple[Exhibit, ...]
    remarks: tuple[str, ...]
    normalized: bool
    pretrained: bool

    def summarize(self, counts: Tally, corpus: Corpus) -> Metrics:
        """Return the metrics of the model, given the sums of each document of the test split."""
        return summarize(counts, corpus.floor if self.normalized else None)

    def costs(self, corpus: Corpus) -> Costs:
        """Return what the evaluation on a corpus cost."""
        return self.costs_of(corpus.test.size)

    def costs_of(self, size: int) -> Costs:
        """Return what scoring texts of so many bytes cost, fitting included."""
        return Costs(
            fit_seconds=self.fit_seconds,
            was_stored=self.was_stored,
            score_seconds=self.score_seconds,
            cpu_seconds=self.cpu_seconds,
            bytes_per_second=rate(size, self.score_seconds),
            peak_bytes=self.peak_bytes,
            parameters=self.parameters,
            disk_bytes=self.disk_bytes,
        )

    def sign(self, corpus: Corpus) -> Signature:
        """Return the signature of the model's numbers on a corpus."""
        text = Signature.of(
            corpus=corpus.name,
            test=corpus.test.fingerprint[:12],
            train=corpus.train.fingerprint[:12],
            valid=corpus.valid.fingerprint[:12],
            read=corpus.provenance,
        )
        return self.sign_text(text)

    def sign_text(self, text: Signature) -> Signature:
        """Return the signature of the model's numbers on a text or a task that has a signature of its own."""
        return self.signature + text + Signature.of(lmbench=own_version())


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of one model on one corpus.

    Attributes:
        metrics: The numbers, such as bits per byte.
        counts: The counts, in int64, and the sums of each document.
        signature: Everything that the numbers depend on.
        costs: Time, memory and size.
        exhibits: Tables and curves that show what the model learned.
        normalized: Whether the scores are probabilities.
        pretrained: Whether any of the weights are pretrained.
    """

    metrics: Metrics
    counts: Tally
    signature: Signature
    costs: Costs
    exhibits: tuple[Exhibit, ...]
    normalized: bool
    pretrained: bool

    def per_document(self) -> pandas.DataFrame:
        """Return the counts and sums as a data frame, one row a document; `Tally` defines the columns."""
        import pandas as pd

        return pd.DataFrame({field.name: getattr(self.counts, field.name) for field in fields(Tally)})


def evaluate(model: LanguageModel, corpus: Corpus, progress: Progress = SILENT) -> Evaluation:
    """Fit a model on the training split, unless it is pretrained, and score the test split.

    Args:
        model: The model, not fitted yet.
        corpus: The text.
        progress: Receives reports.

    Raises:
        LmbenchError: A split is empty, the model cannot learn from the text, or it breaks the contract.
    """
    require_test_text(corpus)
    timed = TimedModel(model)
    timed.prepare(corpus.training, Fit("", type(model).__name__, corpus.name), CheckedProgress(progress))
    columns, done = TallyColumns(len(corpus.test.documents)), 0
    for batch in batches(corpus.test.documents, timed.batch_characters):
        progress("score", done / len(corpus.test.documents))
        columns.add(tally(batch, timed.score(batch), first=done))
        done += len(batch)
    record, counts = timed.record(), columns.tally()
    return Evaluation(
        metrics=record.summarize(counts, corpus),
        counts=counts.widened(),
        signature=record.sign(corpus),
        costs=record.costs(corpus),
        exhibits=record.exhibits,
        normalized=record.normalized,
        pretrained=record.pretrained,
    )


class TimedModel:
    """A model whose fitting and scoring are timed.

    Attributes:
        model: The model.
        traits: Its traits.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.traits = model, plain_traits(model.traits)
        self._prepared: Prepared | None = None
        self._score_seconds = 0.0

    @property
    def batch_characters(self) -> int:
        """About how many characters of documents to score in one batch."""
        return min(self.traits.batch_characters, BATCH_CHARACTERS)

    def prepare(self, text: TrainingText, fit: Fit, progress: Progress, store: FittedModels | None = None) -> None:
        """Fit the model on a text, restore it from the store, or load its weights.

        Args:
            text: The text.
            fit: What the store knows the fit by.
            progress: Receives reports.
            store: The store of fitted models; None to fit in any case.

        Raises:
            LmbenchError: There is no text to learn from, or the model raised it.
        """
        if self.traits.pretrained:
            self.model.prepare(text, progress)
        elif not text.train.size:
            raise CorpusError(f"the training split of {fit.corpus} is empty: there is nothing to learn from")
        else:
            model, train = self.model, partial(self.model.prepare, text, progress.part("fit"))
            self._prepared = store.prepare(model, fit, train, progress) if store else measure_fit(model, train)
        self.traits = plain_traits(self.model.traits)  # the model may know them better by now

    def score(self, documents: tuple[str, ...]) -> object:
        """Return whatever the model returns as the scores of the documents."""
        started = time.perf_counter()
        scores = self.model.score(documents)
        self._score_seconds += time.perf_counter() - started
        return scores

    def answer(self, requests: Sequence[Request]) -> list[Response]:
        """Return the model's answers to requests of a task."""
        started = time.perf_counter()
        answers = respond(self.model, requests)
        self._score_seconds += time.perf_counter() - started
        return answers

    def sign(self) -> Signature:
        """Return everything about the model that its scores depend on.

        Raises:
            PluginError: The model returns wrong types.
        """
        weights = Signature() if self.traits.weights == "fitted" else Signature.of(weights="pretrained")
        return weights + plain_signature(self.model.signature())

    def record(self) -> ModelRecord:
        """Return the record of the model, and of what it has cost so far.

        Raises:
            PluginError: The model returns wrong types.
        """
        footprint = plain_footprint(self.model.footprint())
        prepared = self._prepared
        return ModelRecord(
            signature=self.sign(),
            fit_seconds=prepared.fit_seconds if prepared else None,
            was_stored=prepared is not None and prepared.was_stored,
            score_seconds=self._score_seconds,
            cpu_seconds=time.process_time(),
            peak_bytes=max(peak_bytes(), prepared.peak_bytes if prepared else 0),
            parameters=footprint.parameters,
            disk_bytes=footprint.disk_bytes,
            exhibits=plain_exhibits(self.model.exhibits()),
            remarks=plain_remarks(self.model.remarks()),
            normalized=self.traits.normalized,
            pretrained=self.traits.weights != "fitted",
        )


def require_test_text(corpus: Corpus) -> None:
    """Check that there is something to score.

    Raises:
        CorpusError: The test split is empty.
    """
    if not corpus.test.size:
        raise CorpusError(f"the test split of {corpus.name} is empty: there is nothing to score")
