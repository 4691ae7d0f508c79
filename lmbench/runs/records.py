"""The records of a run: what was asked for, what each cell found, what it cost, and on which machine."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from lmbench.checks import ChangedOption, Outcome, find_doubt, find_prior_knowledge
from lmbench.checks.audit import Audit
from lmbench.corpora.anchors import Anchor
from lmbench.corpora.catalog import PublishedTable
from lmbench.corpora.overlap import Overlap
from lmbench.errors import ResultsError
from lmbench.identity import digest
from lmbench.metrics import Metrics
from lmbench.runs.study import AUDIT_KINDS as AUDIT_KINDS
from lmbench.runs.study import AuditKind as AuditKind
from lmbench.runs.study import Study

RowKind = Literal["text", "task"]
"""What a model is evaluated on: the test split of a corpus, or the items of a task."""


class _Record(BaseModel):
    """A frozen value that is stored as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CorpusRecord(_Record):
    """A corpus as a run read it; see `Corpus`.

    Attributes:
        train_fingerprint: SHA-256 of the training split's bytes. The other splits have theirs.
        train_bytes: UTF-8 bytes of the training split. The other splits have theirs.
        digest: SHA-256 of all splits and of what else models see of the corpus.
        test_documents: The number of documents in the test split.
        overlap: The share of the test split that is also in the training split.
        anchors: What well-known compressors charge for the test split; older runs do not have them.
        note: What a reader of the corpus's numbers must know; "" if there is nothing.
    """

    name: str
    description: str
    provenance: str
    tokenized: bool
    spaced: bool
    train_fingerprint: str
    valid_fingerprint: str
    test_fingerprint: str
    digest: str
    train_bytes: int
    valid_bytes: int
    test_bytes: int
    test_documents: int
    floor_note: str
    overlap: Overlap | None = None
    anchors: tuple[Anchor, ...] = ()
    note: str = ""

    def completed(self, other: CorpusRecord) -> CorpusRecord:
        """Return this record, with what only a newer version of lmbench says of the same text."""
        lacking = [name for name in ("overlap", "anchors", "note") if not getattr(self, name)]
        return self.model_copy(update={name: getattr(other, name) for name in lacking})


class MetricRecord(_Record):
    """A measure of a task; see `Metric`.

    Attributes:
        chance: What guessing gives, as the mean over the items for which that is known; None if there are none.
    """

    name: str
    description: str
    unit: Literal["share", "score", "bits"]
    higher_is_better: bool
    corpus: Literal["", "bleu", "chrf"] = ""
    chance: float | None = None


class TaskRecord(_Record):
    """A task as a run read it; see `Task`.

    Attributes:
        items: The number of items.
        digest: SHA-256 of what the items ask, and of how the answers are measured.
        signature: Everything that the requests depend on.
        training_name: The name of the text that models are fitted on.
        train_fingerprint: SHA-256 of its training split's bytes.
        train_bytes: UTF-8 bytes of its training split.
        metrics: The measures; the first one ranks the models.
        overlap: The share of the items with a context or an answer of 13 words or more that share 13 consecutive ones
            with the training text; None if there are no such items, or no training text.
        published_by: Figures from the literature on the groups of its items.
    """

    name: str
    kind: str
    description: str
    language: str
    items: int
    digest: str
    provenance: str
    signature: str
    training_name: str
    train_fingerprint: str = ""
    train_bytes: int = 0
    metrics: tuple[MetricRecord, ...]
    overlap: float | None = None
    license: str = ""
    citation: str = ""
    note: str = ""
    published_by: PublishedTable | None = None


class ModelRecord(_Record):
    """A model of a run.

    Attributes:
        label: The name of its rows.
        spec: The spec.
        origin: The distribution that provides it, with its version.
        options: Its options, defaults included; empty if it is broken.
        identity: Everything that its numbers depend on, apart from the text; None if it is broken.
        untuned: The options that the validation split could choose, and that have their defaults.
        pretrained: Whether nothing is fitted; older runs do not say it.
    """

    label: str
    spec: str
    origin: str
    options: dict[str, JsonValue]
    identity: dict[str, JsonValue] | None
    untuned: tuple[str, ...] = ()
    pretrained: bool = False


class Row(_Record):
    """A cell that was asked for.

    Attributes:
        model: The label of the model.
        corpus: The name of the corpus, or of the task.
        train_size: The share of the training split that is used, such as "10%" or "draw 2 of 10%"; "" for all of it.
        key: The identity of the cell.
        kind: Which of the two `corpus` names.
    """

    model: str
    corpus: str
    train_size: str = ""
    key: str
    kind: RowKind = "text"

    @property
    def label(self) -> str:
        """The model and its share of the training text, as a table shows them."""
        return f"{self.model} ({self.train_size} of train)" if self.train_size else self.model

    def outdated(self) -> Row:
        """Return the row without an identity, which no cell has."""
        return self.model_copy(update={"key": ""})

    @property
    def slot(self) -> tuple[str, ...]:
        """The row's place in the tables, whatever its contents. A corpus and a task may have the same name."""
        place = (self.model, self.corpus, self.train_size)
        return place if self.kind == "text" else (*place, self.kind)


class Manifest(_Record):
    """The record of a run, which grows with each command that adds to it.

    Attributes:
        format: The version of the run directory's format.
        created: When the run started, as an ISO 8601 time.
        models: The models.
        corpora: The corpora as they were read.
        rows: The cells that were asked for, in the order of the tables.
        study: How they were asked for; None if no study did.
        tasks: The tasks as they were read.
    """

    format: Literal[2] = 2
    created: str
    models: tuple[ModelRecord, ...]
    corpora: tuple[CorpusRecord, ...]
    rows: tuple[Row, ...]
    study: Study | None = None
    tasks: tuple[TaskRecord, ...] = ()

    @property
    def text_rows(self) -> tuple[Row, ...]:
        """The rows of the corpora."""
        return tuple(row for row in self.rows if row.kind == "text")

    @property
    def task_rows(self) -> tuple[Row, ...]:
        """The rows of the tasks."""
        return tuple(row for row in self.rows if row.kind == "task")

    def extended(self, other: Manifest) -> Manifest:
        """Return this manifest with the models, corpora, tasks and rows of another.

        A row of the other one replaces that in the same place. Its cell is skipped if another row has it already. If a
        model is another version than before, its other rows lose their cells.

        Raises:
            ResultsError: A corpus of the same name has another text or a task other items, or a model of the same label
                is another one.
        """
        return self.model_copy(
            update={
                "models": self._join_models(other),
                "corpora": self._join_corpora(other),
                "tasks": self._join_tasks(other),
                "rows": self._join_rows(other),
                "study": self.study.extended(other.study) if self.study and other.study else self.study or other.study,
            }
        )

    def _join_models(self, other: Manifest) -> tuple[ModelRecord, ...]:
        models = {model.label: model for model in self.models}
        for model in other.models:
            known = models.get(model.label, model)
            if known.spec != model.spec and known.identity != model.identity:
                raise ResultsError(f"its {model.label} is {known.spec}, not {model.spec}")
            models[model.label] = model
        return tuple(models.values())

    def _join_corpora(self, other: Manifest) -> tuple[CorpusRecord, ...]:
        corpora = {corpus.name: corpus for corpus in self.corpora}
        for corpus in other.corpora:
            known = corpora.get(corpus.name, corpus)
            if known.digest != corpus.digest:
                raise ResultsError(f"its {corpus.name} has another text or was read differently")
            corpora[corpus.name] = known.completed(corpus)
        return tuple(corpora.values())

    def _join_tasks(self, other: Manifest) -> tuple[TaskRecord, ...]:
        tasks = {task.name: task for task in self.tasks}
        for task in other.tasks:
            if tasks.setdefault(task.name, task).digest != task.digest:
                raise ResultsError(f"its {task.name} has other items or was read differently")
        return tuple(tasks.values())

    def _join_rows(self, other: Manifest) -> tuple[Row, ...]:
        """Return the rows of both. Those of an earlier version of a model have no cell until they are asked for."""
        identities = {model.label: model.identity for model in self.models}
        outdated = {
            model.label for model in other.models if identities.get(model.label, model.identity) != model.identity
        }
        rows = {row.slot: row.outdated() if row.model in outdated else row for row in self.rows}
        rows |= {row.slot: row for row in other.rows if row.slot in rows}
        keys = {row.key for row in rows.values()}
        rows |= {row.slot: row for row in other.rows if row.key not in keys}
        return tuple(rows.values())


class Costs(_Record):
    """The costs of a cell.

    Attributes:
        fit_seconds: Wall-clock seconds of fitting; None for pretrained models.
        was_stored: Whether the fitted model came from the store. `fit_seconds` are then those of its fit.
        score_seconds: Wall-clock seconds of scoring the test split, or of answering a task's requests.
        bytes_per_second: UTF-8 bytes of the test split scored per second; of a task, bytes of the texts that were
            scored, contexts included, or written.
        peak_bytes: Peak resident memory of the cell's own process, interpreter and libraries included. If the fitted
            model came from the store, that of its fit if it is larger. None if the cell had no process of its own.
        parameters: The number of parameters as stored, if known.
        disk_bytes: The model's size on disk, if known.
        wall_seconds: Wall-clock seconds of the whole cell, audit included.
        cpu_seconds: Processor seconds of its process.
        joules: Energy that the processor, and the GPU if it is used, took meanwhile; None if the machine does not tell.
        company: How many other jobs of the run were at work at the same time, at most.
    """

    fit_seconds: float | None
    was_stored: bool = False
    score_seconds: float
    bytes_per_second: float
    peak_bytes: int | None
    parameters: int | None
    disk_bytes: int | None
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    joules: float | None = None
    company: int = 0


class Machine(_Record):
    """A machine.

    Attributes:
        processor: The model of its processor.
        cpus: The number of CPUs that the run may use.
        memory: Bytes of memory.
        gpu: The model of its GPU; "" if there is none.
        platform: The operating system and the architecture.
    """

    processor: str
    cpus: int
    memory: int
    gpu: str
    platform: str

    def __str__(self) -> str:
        parts = (self.processor, f"{self.cpus} CPUs", f"{self.memory / 2**30:.0f} GiB", self.gpu)
        return ", ".join(filter(None, parts))


class Provenance(_Record):
    """Where, when and with what a cell was evaluated.

    Attributes:
        started: When its evaluation started, as an ISO 8601 time.
        machine: The machine.
        python: The version of Python.
        versions: The packages that the numbers depend on, with their versions.
        revision: The git revision of lmbench's source, with "+" if it is modified; "" if there is none.
        threads: The threads that numeric libraries got.
        load: The machine's load average over the last minute as the evaluation started; None if it does not tell.
    """

    started: str
    machine: Machine
    python: str
    versions: tuple[tuple[str, str], ...]
    revision: str
    threads: int
    load: float | None


class Figure(_Record):
    """A number of a model on a task.

    Attributes:
        metric: The name of the metric.
        value: The mean over the items that the model answered, or what a library computed from all texts.
        items: The number of these items.
    """

    metric: str
    value: float
    items: int


class Cell(_Record):
    """The result of one model on one corpus or task.

    Attributes:
        format: The version of the run directory's format.
        key: The cell's identity.
        model: The label of the model.
        corpus: The name of the corpus, or of the task.
        train_size: The share of the training split that was used, such as "10%" or "draw 2 of 10%"; "" for all of it.
        status: "ok"; "unavailable" if weights or files are missing; "failed" after any other error.
        error: The reason of another status, in one line; empty if the status is "ok".
        pretrained: Whether any of the weights are pretrained.
        pseudo: Whether the scores are not probabilities, so that the metrics compare with no other model's.
        signature: Everything that the numbers depend on.
        metrics: The numbers of a corpus, if the status is "ok".
        costs: Time, memory and size, if the status is "ok".
        remarks: What a reader of the numbers must know about how the model was fitted.
        audit_kind: The audit that was asked for. Scores that are not probabilities get none all the same.
        audit: The results of the audit, if there was one.
        impossible: Whether no honest model can have these numbers.
        doubt: Why the numbers cannot be trusted, in one line: they are impossible, the audit failed, or both. Empty if
            there is no such reason.
        provenance: Where, when and with what the cell was evaluated.
        files: The SHA-256 of each other file of the cell.
        kind: Whether this is the cell of a corpus or of a task.
        figures: The numbers of a task, if the status is "ok"; a metric that the model could not answer has none.
    """

    format: Literal[2] = 2
    key: str
    model: str
    corpus: str
    train_size: str = ""
    status: Literal["ok", "unavailable", "failed"]
    error: str = ""
    pretrained: bool = False
    pseudo: bool = False
    signature: str = ""
    metrics: Metrics | None = None
    costs: Costs | None = None
    remarks: tuple[str, ...] = ()
    audit_kind: AuditKind = "none"
    audit: Audit | None = None
    impossible: bool = False
    doubt: str = ""
    provenance: Provenance | None = None
    files: dict[str, str] = {}
    kind: RowKind = "text"
    figures: tuple[Figure, ...] = ()

    @property
    def row(self) -> Row:
        """The row that the cell belongs to."""
        return Row(model=self.model, corpus=self.corpus, train_size=self.train_size, key=self.key, kind=self.kind)

    @property
    def label(self) -> str:
        """The model and its share of the training text, as a table shows them."""
        return self.row.label

    def has_audit(self, kind: AuditKind) -> bool:
        """Return whether the cell was evaluated with an audit of this kind or a stronger one."""
        return AUDIT_KINDS.index(self.audit_kind) >= AUDIT_KINDS.index(kind)


class Verification(_Record):
    """A model's results in the conformance suite.

    Attributes:
        model: The label of the model.
        key: The digest of the model's identity and, after a hyphen, that of the version of the suite.
        doubt: Why the model is not verified, in one line; empty if it is.
        outcomes: The outcome of each check; empty if the suite did not run to its end.
        changed: The options that the suite changed to make the model quick.
        own_outcomes: The outcomes of the checks that were run on the model of a cell, with its own options; empty if
            the suite changed none.
    """

    model: str
    key: str = ""
    doubt: str
    outcomes: tuple[Outcome, ...]
    changed: tuple[ChangedOption, ...] = ()
    own_outcomes: tuple[Outcome, ...] = ()

    def is_of(self, model: ModelRecord) -> bool:
        """Return whether these are the results of a model, and not of another version of it."""
        return (self.model, self.key.partition("-")[0]) == (model.label, digest(model.identity))

    @property
    def lacks_own(self) -> bool:
        """Whether the suite changed options, and no checks were run with the model's own."""
        return bool(self.changed) and not self.own_outcomes

    @property
    def prior_knowledge(self) -> str:
        """Why the model seems to be trained before it is fitted, in one line; "" if it does not."""
        return find_prior_knowledge(self.outcomes)

    def with_own(self, outcomes: tuple[Outcome, ...]) -> Verification:
        """Return these results with those of the model that has its own options."""
        own = find_doubt(outcomes)
        doubt = self.doubt or (own and f"with its own options, {own}")
        return self.model_copy(update={"own_outcomes": outcomes, "doubt": doubt})
