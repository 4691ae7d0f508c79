"""Evaluate a cell of a task: one model answers its requests, in a process of its own.

The process fits the model, and only then asks for requests (answering.py). The run measures the answers, so that
nothing in the process knows which of them are right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from lmbench.corpus import NO_TEXT, TrainingText
from lmbench.errors import CorpusError, LmbenchError, PluginError, ScoreError, TaskError, describe, reason
from lmbench.identity import fit_key
from lmbench.printable import printable
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.answering import Answering, Answers, answer_in_process, count_bytes, list_requests
from lmbench.runs.cell_files import LOG
from lmbench.runs.cells import CellWork, Places
from lmbench.runs.evaluation import ModelRecord, TimedModel
from lmbench.runs.fitted_models import Fit
from lmbench.runs.here import WorkHere
from lmbench.runs.models import SelectedModel, build_model, plugin_version
from lmbench.runs.records import Costs, Figure, Row
from lmbench.runs.reports import SendingProgress, repeat_report
from lmbench.runs.scoring import Ready
from lmbench.runs.worker import UNLIMITED, Channel, Limits, Worker, as_error, find_log
from lmbench.signature import Signature
from lmbench.tasks.choices import choose
from lmbench.tasks.conformance import check_value, check_values
from lmbench.tasks.task import Item, Likelihood, Metric, Request, Response, Task, Written

_NOTHING_MEASURED = "none of its answers is measured: the task asks for texts, which it cannot write; choose another"
_NOT_PROBABILITIES = "its scores are not probabilities, which a task compares; choose another model"


@dataclass(frozen=True, slots=True)
class TaskJob:
    """A cell of a task to evaluate.

    Attributes:
        row: Its row.
        model: The model.
        task: The task, with as much of the training text as the row says.
        use_store: Whether to use the store of fitted models.
    """

    row: Row
    model: SelectedModel
    task: Task
    use_store: bool = True

    @property
    def training(self) -> TrainingText:
        """The text that the model is fitted on; an empty one if nothing is fitted.

        Raises:
            CorpusError: There is none.
        """
        if self.model.pretrained:
            return TrainingText(NO_TEXT, NO_TEXT)
        if self.task.training is None:
            raise CorpusError(f"{self.task.name} has no text to fit a model on; name a corpus with train=")
        return self.task.training

    @property
    def fit(self) -> Fit:
        """What the store knows the fit by."""
        text = None if self.model.pretrained else self.training
        return Fit(fit_key(self.model.identity, text), str(self.model.spec), self.task.training_name)


@dataclass(frozen=True, slots=True)
class Answered:
    """An item with the answers of a model.

    Attributes:
        item: The item.
        responses: The answers to its requests.
        values: The value of each metric; None if the model could not answer.
    """

    item: Item
    responses: tuple[Response, ...]
    values: Mapping[str, float | None]

    @property
    def chosen(self) -> int | None:
        """The index of the likeliest choice; None without choices."""
        first = self.responses[: len(self.item.choices)]
        return choose(self.item, first) if all(isinstance(response, Likelihood) for response in first) else None

    @property
    def text(self) -> str | None:
        """What the model wrote; None if it wrote nothing."""
        texts = [response.text for response in self.responses if isinstance(response, Written)]
        return texts[-1] if texts else None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The results of a cell of a task.

    Attributes:
        record: The record of the model.
        signature: Everything that the numbers depend on.
        items: The items with their answers, in order.
        figures: The numbers; at least one.
        costs: What the cell cost.
    """

    record: ModelRecord
    signature: Signature
    items: tuple[Answered, ...]
    figures: tuple[Figure, ...]
    costs: Costs


def evaluate_task(
    worker: Worker | WorkHere, job: TaskJob, places: Places, progress: Progress, limits: Limits = UNLIMITED
) -> TaskResult | LmbenchError:
    """Return the results of a cell, or the error that ended it. A plugin in the process may send anything."""
    try:
        with worker:
            work = CellWork(job.model.source, job.training, job.fit, job.use_store)
            answering = Answering(list_requests(job.task), progress)
            receive = partial(_receive, answering, progress)
            ending = worker.run(partial(_answer_in_process, work), places.log, receive, limits)
        if not isinstance(ending, str):
            return as_error(ending, find_log(places.log, places.final / LOG))
        return _finish(job, answering, ending)
    except (CorpusError, PluginError, ScoreError, TaskError) as error:
        return error


def _answer_in_process(work: CellWork, channel: Channel) -> str:
    """Fit the model and answer the requests. Return the model's record as JSON."""
    timed = TimedModel(build_model(work.source))
    work.prepare(timed, CheckedProgress(SendingProgress(channel)))
    if not timed.traits.normalized:
        raise ScoreError(_NOT_PROBABILITIES)
    answer_in_process(timed, channel)
    return timed.record().model_dump_json()


def _receive(answering: Answering, progress: Progress, message: object) -> object:
    """Return the reply to a message of the process."""
    if isinstance(message, Ready | Answers):
        return answering.receive(message)
    repeat_report(progress, message)
    return None


def _finish(job: TaskJob, answering: Answering, ending: str) -> TaskResult:
    if not answering.is_done:
        raise PluginError("the process ended before it had answered each request")
    try:
        record = ModelRecord.model_validate_json(ending)
    except ValidationError as error:
        raise PluginError(f"the process sent a result that is not valid: {reason(error)}") from error
    items = tuple(measure_item(job.task, item, answering.answers) for item in job.task.items)
    figures = tuple(_summarize(job.task, items))
    if not figures:
        raise TaskError(_NOTHING_MEASURED)
    return TaskResult(
        record=record,
        signature=_sign(job, record),
        items=items,
        figures=figures,
        costs=record.costs_of(count_bytes(answering.answers)),
    )


def measure_item(task: Task, item: Item, answers: Mapping[Request, Response]) -> Answered:
    """Return an item with the answers to its requests, and their measures.

    Raises:
        PluginError: The task raises an error, or measures something else than the values that its metrics can have.
    """
    where = f"{task.name}, item {printable(item.id)}"
    responses = tuple(answers[request] for request in task.requests(item))
    with _blamed(where):
        values = task.measure(item, responses)
    check_values(task, values, where)
    return Answered(item, responses, {name: None if value is None else float(value) for name, value in values.items()})


@contextmanager
def _blamed(where: str) -> Iterator[None]:
    """Add the place to any error of a task within the context."""
    try:
        yield
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise PluginError(f"{where} cannot be measured: {describe(error)}") from error


def _summarize(task: Task, items: Sequence[Answered]) -> list[Figure]:
    """Return the value of each metric that the model could answer for at least one item."""
    figures = []
    for metric in task.metrics:
        answered = [one for one in items if one.values[metric.name] is not None]
        if answered:
            figures.append(Figure(metric=metric.name, value=_average(task, metric, answered), items=len(answered)))
    return figures


def _average(task: Task, metric: Metric, items: Sequence[Answered]) -> float:
    if metric.corpus:
        where = f"{task.name}, all items"
        with _blamed(where):
            value = task.measure_corpus(metric, [(one.item, one.text or "") for one in items])
        check_value(metric, value, where)
        return float(value)
    return math.fsum(one.values[metric.name] or 0.0 for one in items) / len(items)


def _sign(job: TaskJob, record: ModelRecord) -> Signature:
    splits = {} if job.model.pretrained else {"train": job.training.train, "valid": job.training.valid}
    text = Signature.of(**{name: split.fingerprint[:12] for name, split in splits.items()})
    version = Signature(plugin_version(job.model.registered))
    return record.sign_text(job.task.signature() + text) + version
