"""A run directory: the files that a run writes, from which it resumes and from which the report is made.

results/RUN/
  manifest.json                the models, the texts, the versions and the machine
  cells/003-kenlm.json         one cell: status, signature, metrics, costs
  documents/003-kenlm.parquet  the cell's Tally, one row per document
  exhibits/003-hmm.json        the exhibits of the cell's model, if it has any
  checks/001-kenlm.json        a model's results in the conformance suite
  logs/003-kenlm.txt           what the cell's process printed
  table.md  table.csv  exhibits/*.md  exhibits/*.png   written by `lmbench report`

Each file is written to a temporary name first, so that it is complete or missing. Nothing is written once the
directory was moved or removed. JSON and finished logs are safe to print on a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, JsonValue, RootModel, ValidationError

from lmbench import atomic
from lmbench.checks import ChangedOption, Outcome, find_doubt, find_prior_knowledge
from lmbench.checks.audit import Audit
from lmbench.corpora.overlap import Overlap
from lmbench.errors import ResultsError
from lmbench.exhibit import Exhibit
from lmbench.metrics import SUMS, Metrics, Tally
from lmbench.printable import printable_json, printable_lines

Stored = TypeVar("Stored", bound=BaseModel)

AuditKind = Literal["none", "sample", "full"]
"""How a cell is audited: not at all, on a few documents, or on these and by scoring all documents again."""

AUDIT_KINDS: tuple[AuditKind, ...] = ("none", "sample", "full")
"""All kinds of audits; each is stronger than those before it."""

_ROW_GROUP = 1 << 16  # documents


class CorpusRecord(BaseModel):
    """A corpus as a run read it; see `Corpus`.

    Attributes:
        train_fingerprint: sha256 of the training split's bytes. The other splits have theirs.
        train_bytes: UTF-8 bytes of the training split. The other splits have theirs.
        test_documents: The number of documents in the test split.
        overlap: The share of the test split that is also in the training split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    provenance: str
    tokenized: bool
    spaced: bool
    train_fingerprint: str
    valid_fingerprint: str
    test_fingerprint: str
    train_bytes: int
    valid_bytes: int
    test_bytes: int
    test_documents: int
    floor_note: str
    overlap: Overlap | None = None


class Manifest(BaseModel):
    """The record of a run: its models, its texts, the versions and the machine.

    Attributes:
        format: The version of the run directory's format.
        created: When the run started, as an ISO 8601 time.
        models: The specs of the models.
        options: The options of each model, defaults included.
        files: The files that the options name and that existed, each with its sha256.
        corpora: The corpora as they were read.
        versions: The packages that the numbers depend on, those that provide the models included, with their versions.
        python: The version of Python.
        platform: The operating system and the machine's architecture.
        cpus: The number of CPUs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    created: str
    models: tuple[str, ...]
    options: tuple[dict[str, JsonValue], ...]
    files: tuple[tuple[str, str], ...] = ()
    corpora: tuple[CorpusRecord, ...]
    versions: tuple[tuple[str, str], ...]
    python: str
    platform: str
    cpus: int

    def same_work(self, other: Manifest) -> bool:
        """Return whether both runs' cells belong in one table: everything except the creation time is the same.

        A file that only one of the runs found does not count: cells that needed it failed, and run again.
        """
        mine, others = dict(self.files), dict(other.files)
        unchanged = all(mine[name] == others[name] for name in mine.keys() & others.keys())
        return unchanged and self == other.model_copy(update={"created": self.created, "files": self.files})

    def with_files(self, other: Manifest) -> Manifest:
        """Return this manifest with the other one's files added."""
        return self.model_copy(update={"files": tuple(sorted({*self.files, *other.files}))})


class Costs(BaseModel):
    """The costs of a cell.

    Attributes:
        fit_seconds: Wall-clock seconds of fitting; None for pretrained models.
        score_seconds: Wall-clock seconds of scoring the test split.
        bytes_per_second: UTF-8 bytes of the test split scored per second.
        peak_bytes: Peak resident memory of the cell's own process, interpreter and libraries included.
        parameters: The number of parameters as stored, if known.
        disk_bytes: The model's size on disk, if known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fit_seconds: float | None
    score_seconds: float
    bytes_per_second: float
    peak_bytes: int
    parameters: int | None
    disk_bytes: int | None


class Cell(BaseModel):
    """The result of one model on one corpus.

    Attributes:
        format: The version of the run directory's format.
        number: The cell's position in the run, from 1.
        model: The model's spec.
        corpus: The corpus's name.
        status: "ok"; "unavailable" if weights or files are missing; "failed" after any other error.
        error: The reason of another status, in one line; empty if the status is "ok".
        pretrained: Whether any of the weights are pretrained.
        pseudo: Whether the scores are not probabilities, so that the metrics compare with no other model's.
        signature: Everything that the numbers depend on.
        metrics: The numbers, if the status is "ok".
        costs: Time, memory and size, if the status is "ok".
        audit_kind: The audit that was asked for. Scores that are not probabilities get none all the same.
        audit: The results of the audit, if there was one.
        impossible: Whether no honest model can have these numbers.
        doubt: Why the numbers cannot be trusted, in one line: they are impossible, the audit failed, or both. Empty if
            there is no such reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    number: int
    model: str
    corpus: str
    status: Literal["ok", "unavailable", "failed"]
    error: str = ""
    pretrained: bool = False
    pseudo: bool = False
    signature: str = ""
    metrics: Metrics | None = None
    costs: Costs | None = None
    audit_kind: AuditKind = "none"
    audit: Audit | None = None
    impossible: bool = False
    doubt: str = ""

    def has_audit(self, kind: AuditKind) -> bool:
        """Return whether the cell was evaluated with an audit of this kind or a stronger one."""
        return AUDIT_KINDS.index(self.audit_kind) >= AUDIT_KINDS.index(kind)


class Verification(BaseModel):
    """A model's results in the conformance suite.

    Attributes:
        model: The model's spec.
        doubt: Why the model is not verified, in one line; empty if it is.
        outcomes: The outcome of each check; empty if the suite did not run to its end.
        changed: The options that the suite changed to make the model quick. Older results do not have them.
        own_outcomes: The outcomes of the checks that were run on the model of a cell, with its own options; empty if
            the suite changed none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    doubt: str
    outcomes: tuple[Outcome, ...]
    changed: tuple[ChangedOption, ...] = ()
    own_outcomes: tuple[Outcome, ...] = ()

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


class _Exhibits(RootModel[tuple[Exhibit, ...]]):
    """The contents of a cell's file of exhibits."""


class RunDirectory:
    """The files of one run.

    Attributes:
        path: The folder.
        manifest: The record of the run.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def start(cls, path: Path, manifest: Manifest) -> RunDirectory:
        """Create a run directory at `path`, or open the one that is there if it is of the same work.

        Raises:
            ResultsError: `path` holds another run or anything else, or cannot be written.
        """
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            existing = cls.open(path)
            if not existing.manifest.same_work(manifest):
                raise ResultsError(
                    f"{path} holds another run (other models, options, files, texts, versions, machine); "
                    "choose another --out"
                )
            manifest = existing.manifest.with_files(manifest)
            if manifest == existing.manifest:
                return existing
        atomic.write(path / "manifest.json", _dump(manifest))
        return cls(path, manifest)

    @staticmethod
    def is_at(path: Path) -> bool:
        """Return whether `path` is a run directory."""
        return (path / "manifest.json").is_file()

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open the run directory at `path`.

        Raises:
            ResultsError: It is not a run directory, or its manifest cannot be read.
        """
        file = path / "manifest.json"
        if not cls.is_at(path):
            raise ResultsError(f"{path} is not a run directory: manifest.json is missing")
        return cls(path, _parse(Manifest, file))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory, so that no other run writes to it.

        Raises:
            ResultsError: Another run holds the lock.
        """
        try:
            with FileLock(self.path / ".lock", blocking=False):
                yield
        except Timeout as error:
            raise ResultsError(f"another run is writing to {self.path}; choose another --out") from error

    def cells(self) -> list[Cell]:
        """Return the stored cells, in the order of the run."""
        files = sorted((self.path / "cells").glob("*.json"))
        return sorted((_parse(Cell, file) for file in files), key=lambda cell: cell.number)

    def exhibits(self, cell: Cell) -> tuple[Exhibit, ...]:
        """Return the exhibits of a cell's model, if it has any."""
        file = self.path / "exhibits" / f"{stem(cell.number, cell.model)}.json"
        return _parse(_Exhibits, file).root if file.is_file() else ()

    def write(self, cell: Cell, counts: Tally | None, exhibits: tuple[Exhibit, ...] = ()) -> None:
        """Store a cell.

        Its documents and exhibits are written first, so that a stored cell is complete.

        Args:
            cell: The cell.
            counts: The sums of each document; None if the model failed.
            exhibits: The exhibits of the cell's model.
        """
        if counts is not None:
            with atomic.replacing(self._place("documents", f"{stem(cell.number, cell.model)}.parquet")) as documents:
                _write_documents(documents, counts)
        if exhibits:
            atomic.write(self._place("exhibits", f"{stem(cell.number, cell.model)}.json"), _dump(_Exhibits(exhibits)))
        atomic.write(self._place("cells", f"{stem(cell.number, cell.model)}.json"), _dump(cell))

    def verifications(self) -> dict[str, Verification]:
        """Return the stored results of the conformance suite, by model."""
        found = (_parse(Verification, file) for file in sorted((self.path / "checks").glob("*.json")))
        return {verification.model: verification for verification in found}

    def write_verification(self, number: int, verification: Verification) -> None:
        """Store the results of the run's model with this number in the conformance suite."""
        atomic.write(self._place("checks", f"{stem(number, verification.model)}.json"), _dump(verification))

    def needs_own_checks(self, model: str) -> bool:
        """Return whether a model was checked, but never with its own options."""
        found = self.verifications().get(model)
        return found is not None and found.lacks_own

    def write_own_outcomes(self, model: str, outcomes: tuple[Outcome, ...]) -> None:
        """Store the outcomes of a model with its own options, in addition to its other results."""
        number = 1 + self.manifest.models.index(model)
        self.write_verification(number, self.verifications()[model].with_own(outcomes))

    def write_text(self, name: str, text: str) -> None:
        """Store a table or a page."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, data: bytes) -> None:
        """Store a picture."""
        atomic.write(self._place(name), data)

    def log(self, number: int, model: str, kind: Literal["cell", "check", "audit"] = "cell") -> Path:
        """Create an empty log for the process of a cell, of a model's checks, or of a full audit."""
        name = f"{stem(number, model)}.txt"
        file = self._place("logs", name if kind == "cell" else f"{kind}-{name}")
        atomic.write(file, b"")
        return file

    def close_log(self, file: Path) -> None:
        """Escape the control characters in the log of a process that has ended. Each carriage return ends a line."""
        if file.is_file():
            with file.open(encoding="utf-8", errors="backslashreplace") as raw, atomic.replacing(file) as log:
                log.writelines(printable_lines(line).encode() for line in raw)

    def _place(self, *names: str) -> Path:
        """Return the path of a file to write.

        Raises:
            ResultsError: The directory is not there anymore.
        """
        if not self.is_at(self.path):
            raise ResultsError(f"{self.path} was moved or removed during the run; resume with --out and its new place")
        return self.path.joinpath(*names)


def stem(number: int, model: str) -> str:
    """Return the name of a cell's files, without the suffix."""
    return f"{number:03d}-{re.sub(r'[^A-Za-z0-9.=]+', '-', model)[:60]}"


def _dump(stored: BaseModel) -> bytes:
    return printable_json(stored.model_dump_json(indent=None if isinstance(stored, _Exhibits) else 1)).encode()


def _parse(kind: type[Stored], file: Path) -> Stored:
    try:
        return kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ResultsError(f"cannot read {file}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ResultsError(f"{file} cannot be read as format 1: {field}: {first['msg']}") from error


def _write_documents(file: BinaryIO, counts: Tally) -> None:
    """Write a Parquet file with one row per document. Only one row group at a time is widened to int64."""
    import pyarrow as pa  # not at the top: the processes of cells import this module and never need it
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.float64() if name in SUMS else pa.int64()) for name in Tally.__dataclass_fields__])
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, len(counts.bytes), _ROW_GROUP):
            rows = slice(start, start + _ROW_GROUP)
            wide = [getattr(counts, field.name)[rows].astype(field.type.to_pandas_dtype()) for field in schema]
            # pa.array() would import pandas to see if the values are a Series
            columns = [
                pa.Array.from_buffers(field.type, len(values), [None, pa.py_buffer(values)])
                for field, values in zip(schema, wide, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
