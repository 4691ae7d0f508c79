"""Evaluate one model on one corpus: prepare it, score the test split, and measure what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from lmbench.about import own_version
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError
from lmbench.exhibit import Exhibit, plain_exhibits
from lmbench.metrics import Metrics, Tally, TallyColumns, rate, summarize, tally
from lmbench.model import LanguageModel, Traits, plain_footprint, plain_traits
from lmbench.progress import SILENT, CheckedProgress, Progress
from lmbench.runs.store import Costs
from lmbench.runs.worker import peak_bytes
from lmbench.signature import Signature, plain_signature

if TYPE_CHECKING:
    import pandas

_BATCH_CHARACTERS = 1 << 20


class ModelRecord(BaseModel):
    """The record of an evaluated model, without its scores.

    Attributes:
        signature: Everything that the numbers depend on.
        costs: Time, memory and size.
        exhibits: Tables and curves that show what the model learned.
        normalized: Whether the scores are probabilities.
        pretrained: Whether any of the weights are pretrained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signature: Signature
    costs: Costs
    exhibits: tuple[Exhibit, ...]
    normalized: bool
    pretrained: bool

    def summarize(self, counts: Tally, corpus: Corpus) -> Metrics:
        """Return the metrics of the model, given the sums of each document of the test split."""
        return summarize(counts, corpus.floor if self.normalized else None)


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
    columns = TallyColumns(len(corpus.test.documents))
    record = evaluate_in_batches(model, corpus, progress, columns.add)
    counts = columns.tally()
    return Evaluation(
        metrics=record.summarize(counts, corpus),
        counts=counts.widened(),
        signature=record.signature,
        costs=record.costs,
        exhibits=record.exhibits,
        normalized=record.normalized,
        pretrained=record.pretrained,
    )


def evaluate_in_batches(
    model: LanguageModel, corpus: Corpus, progress: Progress, record: Callable[[Tally], None]
) -> ModelRecord:
    """Do what `evaluate` does, but pass the sums of each batch of documents to `record`, and return no counts.

    A process that evaluates a model sends the sums away in this way, so that they do not add to its memory.
    """
    traits, checked = plain_traits(model.traits), CheckedProgress(progress)
    _check_splits(traits, corpus)
    fit_seconds = _prepare(model, corpus, checked)
    traits = plain_traits(model.traits)  # the model may know them better by now
    score_seconds = _score(model, corpus.test, checked, record)
    return ModelRecord(
        costs=_costs(model, corpus.test.size, fit_seconds, score_seconds),
        signature=_signature(model, corpus),
        exhibits=plain_exhibits(model.exhibits()),
        normalized=traits.normalized,
        pretrained=traits.weights != "fitted",
    )


def _check_splits(traits: Traits, corpus: Corpus) -> None:
    if not corpus.test.size:
        raise CorpusError(f"the test split of {corpus.name} is empty: there is nothing to score")
    if not (traits.pretrained or corpus.train.size):
        raise CorpusError(f"the training split of {corpus.name} is empty: there is nothing to learn from")


def _prepare(model: LanguageModel, corpus: Corpus, progress: Progress) -> float | None:
    """Load or fit the model. Return the seconds of fitting; None if it is pretrained."""
    if model.traits.pretrained:
        model.prepare(corpus.training, progress)
        return None
    started = time.perf_counter()
    model.prepare(corpus.training, progress.part("fit"))
    return time.perf_counter() - started


def _score(model: LanguageModel, test: Split, progress: Progress, record: Callable[[Tally], None]) -> float:
    """Score the split in batches, pass the sums of each to `record`, and return the seconds that the model took."""
    done, seconds = 0, 0.0
    for batch in _batches(test.documents, min(model.traits.batch_characters, _BATCH_CHARACTERS)):
        progress("score", done / len(test.documents))
        started = time.perf_counter()
        scores = model.score(batch)
        seconds += time.perf_counter() - started
        record(tally(batch, scores, first=done))
        del scores  # frees them before the next batch needs memory
        done += len(batch)
    return seconds


def _batches(documents: Iterable[str], characters: int) -> Iterator[list[str]]:
    """Yield consecutive documents of about this many characters, to bound memory and to report progress."""
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _costs(model: LanguageModel, size: int, fit_seconds: float | None, score_seconds: float) -> Costs:
    footprint = plain_footprint(model.footprint())
    return Costs(
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
        bytes_per_second=rate(size, score_seconds),
        peak_bytes=peak_bytes(),
        parameters=footprint.parameters,
        disk_bytes=footprint.disk_bytes,
    )


def _signature(model: LanguageModel, corpus: Corpus) -> Signature:
    weights = Signature() if model.traits.weights == "fitted" else Signature.of(weights="pretrained")
    text = Signature.of(
        corpus=corpus.name,
        test=corpus.test.fingerprint[:12],
        train=corpus.train.fingerprint[:12],
        valid=corpus.valid.fingerprint[:12],
        read=corpus.provenance,
    )
    return weights + plain_signature(model.signature()) + text + Signature.of(lmbench=own_version())
