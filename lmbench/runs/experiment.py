"""Experiments: models, corpora and tasks, resolved before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import JsonValue

from lmbench.corpora.selection import WHOLE, TrainingPart, take_documents, take_training
from lmbench.corpus import DIVIDED, Corpus
from lmbench.errors import CorpusError, LmbenchError, SpecError, TaskError
from lmbench.identity import cell_key, digest, task_key
from lmbench.model import ModelSpec
from lmbench.progress import Progress
from lmbench.runs.measurements import find_anchors, find_overlap
from lmbench.runs.models import BrokenModel, SelectedModel
from lmbench.runs.records import CorpusRecord, Manifest, ModelRecord, Row
from lmbench.runs.study import AUDIT_KINDS, AuditKind, Study
from lmbench.runs.task_records import record_task
from lmbench.runs.task_tables import check_columns
from lmbench.tasks.task import Task

Subject = TypeVar("Subject", Corpus, Task)


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell of an experiment.

    Attributes:
        row: Its row in the manifest.
        model: The model.
        subject: The corpus or the task, with as much of the training split as the row says.
        check: Whether its model goes through the conformance suite first.
        audit: How it is audited. Cells of tasks are not.
    """

    row: Row
    model: SelectedModel | BrokenModel
    subject: Corpus | Task
    check: bool
    audit: AuditKind


@dataclass(frozen=True, slots=True)
class Experiment:
    """Models, and the corpora and tasks on which each of them is evaluated.

    Attributes:
        models: The models; their labels differ.
        corpora: The corpora; their names differ.
        tasks: The tasks; their names differ.
        check: Whether the models go through the conformance suite first.
        audit: How each cell is audited.
        train_parts: The parts of the training split on which each model is fitted.

    Raises:
        CorpusError: Two corpora have the same name.
        TaskError: Two tasks have the same name, or a group of one cannot be stored.
        SpecError: Two models have the same label.
    """

    models: tuple[SelectedModel | BrokenModel, ...]
    corpora: tuple[Corpus, ...]
    check: bool = True
    audit: AuditKind = "sample"
    train_parts: tuple[TrainingPart, ...] = (WHOLE,)
    tasks: tuple[Task, ...] = ()

    def __post_init__(self) -> None:
        if repeated := _repeated([corpus.name for corpus in self.corpora]):
            raise CorpusError(f"two corpora have the same name: {repeated}")
        if repeated := _repeated([task.name for task in self.tasks]):
            raise TaskError(f"two tasks have the same name: {repeated}")
        for task in self.tasks:
            check_columns(task)
        if repeated := _repeated([model.label for model in self.models]):
            raise SpecError(f"two models have the same label: {repeated}")

    def leave_out_pretrained(self) -> tuple[Experiment, ...]:
        """Return this experiment without the pretrained models on synthetic sources that nobody has named.

        Returns:
            One experiment, or one on the natural texts and the tasks, and one of the other models on the synthetic
            sources.
        """
        others = tuple(model for model in self.models if not (_is_pretrained(model) and _is_from_all(model)))
        if len(others) == len(self.models):
            return (self,)
        natural = tuple(corpus for corpus in self.corpora if corpus.floor is None)
        synthetic = tuple(corpus for corpus in self.corpora if corpus.floor is not None)
        parts = (replace(self, corpora=natural), replace(self, models=others, corpora=synthetic, tasks=()))
        return tuple(part for part in parts if (part.corpora or part.tasks) and part.models)

    def plan(self) -> tuple[PlannedCell, ...]:
        """Return each corpus and task with each model and each part of the training split, in the order of the tables.

        This reads the texts, to identify them.
        """
        return (*self._plan_corpora(), *self._plan_tasks())

    def _plan_corpora(self) -> tuple[PlannedCell, ...]:
        return tuple(
            self._plan_cell(model, corpus, part)
            for whole in self.corpora
            for part in self.train_parts
            for corpus in (take_training(whole, part),)
            for model in self.models
            if part == self.train_parts[0] or not _is_pretrained(model)
        )

    def _plan_tasks(self) -> Iterator[PlannedCell]:
        for whole in self.tasks:
            for part in self.train_parts:
                task = _take_part(whole, part)
                for model in self.models:
                    if part == self.train_parts[0] or not _is_pretrained(model):
                        yield self._plan_task(model, task, whole.digest, part)

    def build_manifest(self, plan: Sequence[PlannedCell]) -> Manifest:
        """Return the record of the models, the texts, the tasks and the planned cells."""
        return JointExperiment((self,)).build_manifest(plan)

    def _plan_cell(self, model: SelectedModel | BrokenModel, corpus: Corpus, part: TrainingPart) -> PlannedCell:
        pretrained = _is_pretrained(model)
        size, key = "" if pretrained else str(part), cell_key(_identify(model), pretrained, corpus)
        row = Row(model=model.label, corpus=corpus.name, train_size=size, key=key)
        return PlannedCell(row, model, corpus, self.check, self.audit)

    def _plan_task(
        self, model: SelectedModel | BrokenModel, task: Task, digest_of_task: str, part: TrainingPart
    ) -> PlannedCell:
        pretrained = _is_pretrained(model)
        size, text = ("", None) if pretrained else (str(part), task.training)
        key = task_key(_identify(model), text, digest_of_task)
        row = Row(model=model.label, corpus=task.name, train_size=size, key=key, kind="task")
        return PlannedCell(row, model, task, self.check, "none")


@dataclass(frozen=True, slots=True)
class JointExperiment:
    """Experiments that are run together.

    Attributes:
        parts: The experiments.
        study: How they were asked for; None if no study did.

    Raises:
        SpecError: Two models have the same label.
    """

    parts: tuple[Experiment, ...]
    study: Study | None = None

    def __post_init__(self) -> None:
        specs: dict[str, ModelSpec] = {}
        for model in self._models():
            if specs.setdefault(model.label, model.spec) != model.spec:
                raise SpecError(f"two models have the same label: {model.label}")

    def plan(self) -> tuple[PlannedCell, ...]:
        """Return the cells of all experiments, each once, with the strongest audit that one of them asks for."""
        planned: dict[Row, PlannedCell] = {}
        for cell in (cell for part in self.parts for cell in part.plan()):
            known = planned.get(cell.row, cell)
            audit = max(known.audit, cell.audit, key=AUDIT_KINDS.index)
            planned[cell.row] = replace(known, check=known.check or cell.check, audit=audit)
        return tuple(planned.values())

    def build_manifest(self, plan: Sequence[PlannedCell]) -> Manifest:
        """Return the record of the models, the texts, the tasks and the planned cells.

        Raises:
            CorpusError: Two texts have the same name.
            TaskError: Two tasks have the same name.
        """
        return Manifest(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=tuple({model.label: _record_model(model) for model in self._models()}.values()),
            corpora=tuple(map(_record_corpus, self._corpora())),
            rows=tuple(cell.row for cell in plan),
            study=self.study,
            tasks=tuple(map(record_task, self._tasks())),
        )

    def _models(self) -> Iterator[SelectedModel | BrokenModel]:
        for part in self.parts:
            yield from part.models

    def _corpora(self) -> list[Corpus]:
        """Return the corpora, each once."""
        return _unite((corpus for part in self.parts for corpus in part.corpora), digest_corpus, CorpusError)

    def _tasks(self) -> list[Task]:
        """Return the tasks, each once."""
        return _unite((task for part in self.parts for task in part.tasks), lambda task: task.digest, TaskError)


def announce_divided(corpora: Sequence[Corpus], progress: Progress) -> None:
    """Announce that pretrained models score only a part of a user's texts, because other models are fitted."""
    for corpus in corpora:
        if corpus.provenance.endswith(DIVIDED):
            progress.notice(
                f"{corpus.name}: its last tenth is scored, because some models are fitted on the rest; to score all of "
                "it, run the pretrained models alone"
            )


def adopt_rows(plan: Sequence[PlannedCell], rows: Sequence[Row]) -> tuple[PlannedCell, ...]:
    """Return the cells in the rows that a run has for them: a model that a run knows keeps its label.

    Args:
        plan: The cells.
        rows: The rows of the run, in which each cell has one.
    """
    known, adopted = {row.key: row for row in reversed(rows)}, dict[Row, PlannedCell]()
    for cell in plan:
        row = cell.row if cell.row in rows else known[cell.row.key]
        adopted.setdefault(row, replace(cell, row=row, model=replace(cell.model, label=row.model)))
    return tuple(adopted.values())


def _unite(subjects: Iterable[Subject], identify: Callable[[Subject], str], error: type[LmbenchError]) -> list[Subject]:
    """Return corpora or tasks, each once. Two of the same name must be the same."""
    known: dict[str, Subject] = {}
    for subject in subjects:
        first = known.setdefault(subject.name, subject)
        if first is not subject and identify(first) != identify(subject):
            raise error(f"two experiments read {subject.name} differently; give it the same options in both")
    return list(known.values())


def _take_part(task: Task, part: TrainingPart) -> Task:
    """Return a task with a part of its training text."""
    text = task.training
    return task if text is None else replace(task, training=replace(text, train=take_documents(text.train, part)))


def _identify(model: SelectedModel | BrokenModel) -> dict[str, JsonValue]:
    return model.identity if isinstance(model, SelectedModel) else {"broken": str(model.spec)}


def _is_pretrained(model: SelectedModel | BrokenModel) -> bool:
    return isinstance(model, SelectedModel) and model.pretrained


def _is_from_all(model: SelectedModel | BrokenModel) -> bool:
    return isinstance(model, SelectedModel) and not model.is_named


def _repeated(names: Sequence[str]) -> str:
    return ", ".join(sorted({name for name in names if names.count(name) > 1}))


def _record_model(model: SelectedModel | BrokenModel) -> ModelRecord:
    built = model if isinstance(model, SelectedModel) else None
    return ModelRecord(
        label=model.label,
        spec=str(model.spec),
        origin=f"{model.registered.origin} {model.registered.version}",
        options=built.options if built else {},
        identity=built.identity if built else None,
        untuned=built.untuned if built else (),
        pretrained=_is_pretrained(model),
    )


def digest_corpus(corpus: Corpus) -> str:
    """Return the SHA-256 of all splits of a corpus, and of what else models see of it."""
    return digest([corpus.tokenized, *(split.digest for split in (corpus.train, corpus.valid, corpus.test))])


def _record_corpus(corpus: Corpus) -> CorpusRecord:
    return CorpusRecord(
        name=corpus.name,
        description=corpus.description,
        provenance=corpus.provenance,
        tokenized=corpus.tokenized,
        spaced=corpus.spaced,
        train_fingerprint=corpus.train.fingerprint,
        valid_fingerprint=corpus.valid.fingerprint,
        test_fingerprint=corpus.test.fingerprint,
        digest=digest_corpus(corpus),
        train_bytes=corpus.train.size,
        valid_bytes=corpus.valid.size,
        test_bytes=corpus.test.size,
        test_documents=len(corpus.test.documents),
        floor_note=corpus.floor_note,
        overlap=find_overlap(corpus),
        anchors=find_anchors(corpus),
        note=corpus.note,
    )
