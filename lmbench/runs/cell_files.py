"""The files of a cell: its record, its documents, its events and its exhibits, in a folder of its own.

cell.json           the record, with its own checksum and those of the other files
documents.parquet   a Tally, one row per document; with floor_bits if the source of the text is known
scores.parquet      each event's bytes, bits and spelling bits, in the order of the documents
items.parquet       of a task: each item's groups, the value of each metric, its choice and its text
responses.parquet   of a task: the answer to each request
exhibits.json       what the model learned, if it can show it
log.txt             what the cell's process printed
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import RootModel

from lmbench import atomic
from lmbench.checksum import hash_file
from lmbench.errors import ResultsError
from lmbench.exhibit import Exhibit
from lmbench.metrics import SUMS, Tally, bits
from lmbench.printable import printable_json
from lmbench.runs.records import Cell
from lmbench.runs.sealed import read_sealed, write_sealed
from lmbench.score import JoinedScores

CELL, DOCUMENTS, SCORES, EXHIBITS, LOG = "cell.json", "documents.parquet", "scores.parquet", "exhibits.json", "log.txt"
ITEMS, RESPONSES = "items.parquet", "responses.parquet"

LARGEST_SCORED = 64 << 20
"""Bytes of the largest test split whose events are stored."""

_ROW_GROUP = 1 << 16  # documents
_ROUNDING = 1e-9


class Exhibits(RootModel[tuple[Exhibit, ...]]):
    """The contents of exhibits.json."""


class ScoresFile:
    """Writes scores.parquet while a split is scored. Use it as a context manager.

    Args:
        path: The file.
        longest: Bytes of the longest document, which decides how wide the numbers are.
    """

    def __init__(self, path: Path, longest: int) -> None:
        self._path, self._type = path, np.uint16 if longest < 1 << 16 else np.uint32
        self._stack, self._writer = ExitStack(), None

    def __enter__(self) -> Self:
        import pyarrow as pa
        import pyarrow.parquet as pq

        wide = pa.uint16() if self._type is np.uint16 else pa.uint32()
        schema = pa.schema([("bytes", wide), ("bits", pa.float32()), ("spelling_bits", pa.float32())])
        self._schema = schema
        self._writer = self._stack.enter_context(
            pq.ParquetWriter(
                self._path,
                schema,
                compression="zstd",
                use_dictionary=False,
                column_encoding={"bytes": "PLAIN", "bits": "BYTE_STREAM_SPLIT", "spelling_bits": "BYTE_STREAM_SPLIT"},
                write_statistics=False,
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add(self, scores: JoinedScores) -> None:
        """Add the events of the next documents."""
        starts = scores.borders[:-1]
        lengths = np.diff(scores.ends, prepend=0)
        filled = starts[starts < scores.borders[1:]]  # a document without events has no first one
        lengths[filled] = scores.ends[filled]
        columns = {
            "bytes": lengths.astype(self._type),
            "bits": bits(scores.logprobs).astype(np.float32),
            "spelling_bits": bits(scores.spelling).astype(np.float32),
        }
        self._writer.write_table(_make_table(columns, self._schema))  # type: ignore[attr-defined]


def write_documents(path: Path, counts: Tally, floor: Sequence[float] | None) -> None:
    """Write documents.parquet. Only one row group at a time is widened to int64.

    Args:
        path: The file.
        counts: The sums of each document.
        floor: (documents,) nats that the source of the text needs for each document; None if it is unknown.
    """
    import pyarrow as pa  # not at the top: the processes of cells import this module and never need it
    import pyarrow.parquet as pq

    columns: dict[str, NDArray[Any]] = {name: getattr(counts, name) for name in Tally.__dataclass_fields__}
    sums = set(SUMS)
    if floor is not None:
        columns["floor_bits"], sums = bits(np.array(floor)), {*sums, "floor_bits"}
    schema = pa.schema([(name, pa.float64() if name in sums else pa.int64()) for name in columns])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(counts.bytes), _ROW_GROUP):
            rows = slice(start, start + _ROW_GROUP)
            wide = {
                name: column[rows].astype(np.float64 if name in sums else np.int64) for name, column in columns.items()
            }
            writer.write_table(_make_table(wide, schema))


def write_items(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write items.parquet: the identities and groups are texts, `chosen` is an index, and all others are measures.

    Args:
        path: The file.
        columns: The columns, in the order of the items; see `RunDirectory.items`.
    """
    import pyarrow as pa

    kinds = {"chosen": pa.int32(), "text": pa.string()}
    _write_table(path, columns, {name: kinds.get(name) or _type_of(column) for name, column in columns.items()})


def write_responses(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write responses.parquet; see `RunDirectory.responses`."""
    import pyarrow as pa

    types = {"item": pa.string(), "request": pa.int32(), "logprob": pa.float64(), "events": pa.int32()}
    _write_table(path, columns, types | {"greedy": pa.bool_(), "text": pa.string()})


def write_cell(folder: Path, cell: Cell, exhibits: tuple[Exhibit, ...]) -> Cell:
    """Write cell.json, after all other files. Return the record with their checksums.

    Raises:
        ResultsError: A file cannot be written.
    """
    if exhibits:
        atomic.write(folder / EXHIBITS, printable_json(Exhibits(exhibits).model_dump_json()).encode())
    names = (DOCUMENTS, SCORES, ITEMS, RESPONSES, EXHIBITS)
    files = {name: hash_file(folder / name) for name in names if (folder / name).is_file()}
    sealed = cell.model_copy(update={"files": files})
    write_sealed(folder / CELL, sealed)
    return sealed


def read_cell(folder: Path) -> Cell:
    """Return the cell in a folder.

    Raises:
        ResultsError: It is damaged: a file is missing or another one, or its numbers contradict each other.
    """
    cell = read_sealed(Cell, folder / CELL)
    for name, expected in cell.files.items():
        if not (folder / name).is_file():
            raise ResultsError(f"{folder / name} is missing")
        if hash_file(folder / name) != expected:
            raise ResultsError(f"{folder / name} is damaged: its checksum is not that of its contents")
    if reason := _find_contradiction(cell):
        raise ResultsError(f"{folder / CELL} contradicts itself: {reason}")
    return cell


def read_exhibits(folder: Path) -> tuple[Exhibit, ...]:
    """Return the contents of exhibits.json."""
    return Exhibits.model_validate_json((folder / EXHIBITS).read_bytes()).root


def read_documents(folder: Path) -> Mapping[str, NDArray[Any]]:
    """Return the columns of documents.parquet: those of a Tally, and floor_bits if the source is known."""
    return _read_columns(folder / DOCUMENTS)


def read_scores(folder: Path) -> Mapping[str, NDArray[Any]]:
    """Return the columns of scores.parquet: bytes, bits and spelling_bits of each event."""
    return _read_columns(folder / SCORES)


def read_items(folder: Path) -> Mapping[str, Sequence[Any]]:
    """Return the columns of items.parquet; None stands for what there is not."""
    return _read_table(folder / ITEMS)


def read_responses(folder: Path) -> Mapping[str, Sequence[Any]]:
    """Return the columns of responses.parquet: item, request, logprob (nats), events, greedy and text."""
    return _read_table(folder / RESPONSES)


def _find_contradiction(cell: Cell) -> str:
    """Return why a cell's record cannot be right, in one line; "" if it can."""
    if cell.status != "ok":
        return "" if cell.error else "its status does not have a reason"
    if cell.kind == "task":
        return _find_task_contradiction(cell)
    metrics = cell.metrics
    if metrics is None or cell.costs is None or DOCUMENTS not in cell.files:
        return "its status is ok, and its numbers are missing"
    if not (math.isfinite(metrics.bits) and metrics.bits >= 0 and metrics.bytes > 0):
        return "its bits are not a finite number from 0 up"
    if not math.isclose(metrics.bits_per_byte, metrics.bits / metrics.bytes, rel_tol=_ROUNDING):
        return "its bits per byte are not its bits divided by its bytes"
    return ""


def _find_task_contradiction(cell: Cell) -> str:
    if not cell.figures or cell.costs is None or ITEMS not in cell.files:
        return "its status is ok, and its numbers are missing"
    if not all(math.isfinite(figure.value) and figure.items > 0 for figure in cell.figures):
        return "its figures are not finite numbers of some items"
    return ""


def _type_of(column: Sequence[Any]) -> Any:
    """Return Arrow's type of a column of texts or of numbers; None stands for what there is not."""
    import pyarrow as pa

    return pa.string() if any(isinstance(value, str) for value in column) else pa.float64()


def _write_table(path: Path, columns: Mapping[str, Sequence[Any]], types: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pa.array(column, types[name]) for name, column in columns.items()]
    with pq.ParquetWriter(path, pa.schema([(name, types[name]) for name in columns])) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, names=list(columns)))


def _read_table(path: Path) -> Mapping[str, Sequence[Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        columns: dict[str, list[Any]] = file.read().to_pydict()
    return columns


def _read_columns(path: Path) -> Mapping[str, NDArray[Any]]:
    import pyarrow.parquet as pq

    # pq.read_table() and to_numpy() would import pandas
    with pq.ParquetFile(path) as file:
        table = file.read()
    return {name: np.from_dlpack(table[name].combine_chunks()) for name in table.column_names}


def _make_table(columns: Mapping[str, NDArray[Any]], schema: Any) -> Any:
    """Return an Arrow table that shares the memory of the columns."""
    import pyarrow as pa

    # pa.array() would import pandas to see if the values are a Series
    arrays = [
        pa.Array.from_buffers(field.type, len(columns[field.name]), [None, pa.py_buffer(columns[field.name])])
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
