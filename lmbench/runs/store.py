"""A run directory: what was asked, one JSON a cell, per-document bits as Parquet, the tables. Atomic and resumable.

results/RUN/
  manifest.json              what was run, where, with which versions
  cells/003-kenlm.json       one cell: status, signature, metrics, costs
  documents/003-kenlm.parquet  its Tally, one row a document
  exhibits/003-hmm.json      what its model shows of itself, where it shows anything
  checks/001-kenlm.json      what the conformance suite said of a model
  logs/003-kenlm.txt         what the cell's process printed
  table.md  table.csv  exhibits/*.md, *.png  rebuilt by `lmbench report`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, JsonValue, RootModel, ValidationError

from lmbench.checks import Outcome
from lmbench.corpora.overlap import Overlap
from lmbench.errors import ResultsError
from lmbench.exhibit import Exhibit
from lmbench.metrics import SUMS, Metrics, Tally

Record = TypeVar("Record", bound=BaseModel)

_ROW_GROUP = 1 << 16  # documents that are written together


class CorpusRecord(BaseModel):
    """A corpus as it was read for a run; fingerprints are sha256 of the splits' bytes."""

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
    """What a run was asked to do, and where it ran.

    options   of each model, defaults included
    files     that options name and that were there, each with its sha256
    versions  of the packages that numbers depend on, those that the models come from among them
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
        """Whether the other run's cells can stand beside this one's: all is the same but the time.

        A file that was not there has left no cell, and may be there now.
        """
        mine, others = dict(self.files), dict(other.files)
        unchanged = all(mine[name] == others[name] for name in mine.keys() & others.keys())
        return unchanged and self == other.model_copy(update={"created": self.created, "files": self.files})

    def with_files(self, other: Manifest) -> Manifest:
        """This manifest with the files of the other one, too."""
        return self.model_copy(update={"files": tuple(sorted({*self.files, *other.files}))})


class Costs(BaseModel):
    """What a cell cost. Seconds are wall-clock; fit_seconds is None for pretrained models.

    bytes_per_second  of scoring
    peak_bytes  largest resident memory of the cell's own process, interpreter and libraries included
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fit_seconds: float | None
    score_seconds: float
    bytes_per_second: float
    peak_bytes: int
    parameters: int | None
    disk_bytes: int | None


class Cell(BaseModel):
    """One model on one corpus.

    status  "ok"; "unavailable", weights or files that could not be had; "failed"
    error   one line; empty where ok
    pseudo  whether its scores are no probabilities, and its metrics compare with no other model's
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


class Verification(BaseModel):
    """What the conformance suite said of a model. doubt: why it is not verified, one line; empty where it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    doubt: str
    outcomes: tuple[Outcome, ...]


class _Exhibits(RootModel[tuple[Exhibit, ...]]):
    """The file of a cell's exhibits."""


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def start(cls, path: Path, manifest: Manifest) -> RunDirectory:
        """A new run at `path`, or the same run continued. Raises ResultsError where `path` holds anything else."""
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
        _write(path / "manifest.json", manifest.model_dump_json(indent=1).encode())
        return cls(path, manifest)

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a run was begun at `path`."""
        return (path / "manifest.json").is_file()

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The run at `path`. Raises ResultsError."""
        file = path / "manifest.json"
        if not cls.is_at(path):
            raise ResultsError(f"{path} is no run: it has no manifest.json")
        return cls(path, _parse(Manifest, file))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes here meanwhile. Raises ResultsError where somebody does."""
        try:
            with FileLock(self.path / ".lock", blocking=False):
                yield
        except Timeout as error:
            raise ResultsError(f"another run is writing to {self.path}; choose another --out") from error

    def cells(self) -> list[Cell]:
        """All cells that were written, in the order of the run."""
        files = sorted((self.path / "cells").glob("*.json"))
        return sorted((_parse(Cell, file) for file in files), key=lambda cell: cell.number)

    def exhibits(self, cell: Cell) -> tuple[Exhibit, ...]:
        """What the cell's model showed of itself; nothing where it showed nothing."""
        file = self._exhibits_file(cell)
        return _parse(_Exhibits, file).root if file.is_file() else ()

    def write(self, cell: Cell, counts: Tally | None, exhibits: tuple[Exhibit, ...] = ()) -> None:
        """Keep a cell, its documents and exhibits first, so that a cell that is there is whole."""
        if counts is not None:
            with _whole(self.path / "documents" / f"{stem(cell.number, cell.model)}.parquet") as file:
                _write_documents(file, counts)
        if exhibits:
            _write(self._exhibits_file(cell), _Exhibits(exhibits).model_dump_json().encode())
        place = self.path / "cells" / f"{stem(cell.number, cell.model)}.json"
        _write(place, cell.model_dump_json(indent=1).encode())

    def verifications(self) -> dict[str, Verification]:
        """What the conformance suite said, by model."""
        found = (_parse(Verification, file) for file in sorted((self.path / "checks").glob("*.json")))
        return {verification.model: verification for verification in found}

    def write_verification(self, number: int, verification: Verification) -> None:
        """Keep what the conformance suite said of a model, the run's `number`th."""
        file = self.path / "checks" / f"{stem(number, verification.model)}.json"
        _write(file, verification.model_dump_json(indent=1).encode())

    def write_text(self, name: str, text: str) -> None:
        """Keep a table."""
        _write(self.path / name, text.encode())

    def write_bytes(self, name: str, data: bytes) -> None:
        """Keep a picture."""
        _write(self.path / name, data)

    def log(self, number: int, model: str, kind: Literal["cell", "check"] = "cell") -> Path:
        """An empty file where the process of a cell, or of a model's checks, writes what it prints."""
        name = f"{stem(number, model)}.txt"
        file = self.path / "logs" / (name if kind == "cell" else f"check-{name}")
        _write(file, b"")
        return file

    def _exhibits_file(self, cell: Cell) -> Path:
        return self.path / "exhibits" / f"{stem(cell.number, cell.model)}.json"


def stem(number: int, model: str) -> str:
    """A cell's file name, without its ending."""
    return f"{number:03d}-{re.sub(r'[^A-Za-z0-9.=]+', '-', model)[:60]}"


def _parse(kind: type[Record], file: Path) -> Record:
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ResultsError(f"{file} cannot be read as format 1: {where}: {first['msg']}") from error


def _write_documents(file: BinaryIO, counts: Tally) -> None:
    """The Parquet file of a cell's documents: counts are widened to int64 a row group at a time."""
    import pyarrow as pa  # the processes of cells do without it
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.float64() if name in SUMS else pa.int64()) for name in Tally.__dataclass_fields__])
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, len(counts.bytes), _ROW_GROUP):
            rows = slice(start, start + _ROW_GROUP)
            wide = [getattr(counts, field.name)[rows].astype(field.type.to_pandas_dtype()) for field in schema]
            # of their bytes: pa.array() would import pandas, to ask whether the values are one of its series
            columns = [
                pa.Array.from_buffers(field.type, len(values), [None, pa.py_buffer(values)])
                for field, values in zip(schema, wide, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _write(path: Path, data: bytes) -> None:
    with _whole(path) as file:
        file.write(data)


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that stands at `path` once it is whole, or not at all. Raises ResultsError."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
