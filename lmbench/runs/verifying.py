"""Verify a run directory: its checksums, and its numbers against what they were computed from."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmbench.checks import find_doubt
from lmbench.checks.comparison import IMPOSSIBLE_GAIN
from lmbench.errors import ResultsError, message_of
from lmbench.metrics import Metrics, Tally, summarize
from lmbench.runs import cell_files
from lmbench.runs.records import Cell, CorpusRecord, Row, TaskRecord, Verification
from lmbench.runs.sealed import read_sealed
from lmbench.runs.store import RunDirectory, model_stem

Columns = Mapping[str, NDArray[Any]]

_ROUNDING = 1e-9
_FLOAT32 = 2.0**-23  # an upper bound of the relative error of a sum of rounded numbers of one sign


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of verifying a part of a run.

    Attributes:
        subject: What was verified, such as "kenlm on pydocs".
        is_wrong: Whether something is wrong.
        text: What was found, in one line.
        cell: The cell, if it has numbers and nothing is wrong.
    """

    subject: str
    is_wrong: bool
    text: str
    cell: Cell | None = None


def examine(directory: RunDirectory) -> list[Finding]:
    """Check all that is stored against its checksums, and compute each number again from what it was computed from.

    Returns:
        A finding for each cell and for each model's results in the conformance suite.
    """
    cells = {cell.row: cell for cell in directory.all_cells()}
    damages = {damage.row: damage.reason for damage in directory.damage()}
    corpora = {corpus.name: corpus for corpus in directory.manifest.corpora}
    tasks = {task.name: task for task in directory.manifest.tasks}
    found = []
    for row in directory.manifest.rows:
        if row in damages:
            found.append(Finding(describe_row(row), True, damages[row]))
        elif row in cells and row.kind == "task":
            found.append(_examine_task(directory.folder(row), cells[row], tasks.get(row.corpus)))
        elif row in cells:
            found.append(_examine_cell(directory.folder(row), cells[row], corpora.get(row.corpus)))
    return [*found, *_examine_verifications(directory)]


def sample_cells(findings: Sequence[Finding], count: int | None, seed: int) -> list[Cell]:
    """Return the cells to evaluate again: all that have numbers, or a sample of them, in the order of the rows."""
    cells = [finding.cell for finding in findings if finding.cell is not None]
    if count is None or count >= len(cells):
        return cells
    return [cells[number] for number in sorted(random.Random(seed).sample(range(len(cells)), count))]


def _examine_cell(folder: Path, cell: Cell, corpus: CorpusRecord | None) -> Finding:
    if cell.metrics is None:
        return Finding(describe_row(cell.row), False, f"{cell.status}: {cell.error}")
    reason = _find_mistake(folder, cell, cell.metrics, corpus)
    if reason:
        return Finding(describe_row(cell.row), True, reason)
    return Finding(describe_row(cell.row), False, f"{cell.metrics.bits_per_byte:.4f} bits/byte", cell)


def _examine_task(folder: Path, cell: Cell, task: TaskRecord | None) -> Finding:
    if cell.status != "ok":
        return Finding(describe_row(cell.row), False, f"{cell.status}: {cell.error}")
    if reason := _find_other_figure(folder, cell, task):
        return Finding(describe_row(cell.row), True, reason)
    return Finding(describe_row(cell.row), False, f"{cell.figures[0].metric} {cell.figures[0].value:.4g}", cell)


def _find_other_figure(folder: Path, cell: Cell, task: TaskRecord | None) -> str:
    """Return which figure of a cell is not the mean over its items, in one line; "" if each of them is."""
    if task is None:
        return "its task is not in the manifest"
    try:
        items = cell_files.read_items(folder)
        values = {metric.name: items[metric.name] for metric in task.metrics}
    except (OSError, KeyError, ValueError) as error:  # Arrow's errors are among them
        return f"its items cannot be read: {message_of(error)}"
    if len(items["id"]) != task.items:
        return f"it has {len(items['id']):,} items, but its task {task.items:,}"
    corpus = {metric.name for metric in task.metrics if metric.corpus}
    for figure in cell.figures:
        answered = [value for value in values.get(figure.metric, ()) if value is not None]
        mean = math.fsum(answered) / max(len(answered), 1)
        if figure.items != len(answered) or not (figure.metric in corpus or _is_close(figure.value, mean)):
            return f"{figure.metric} is {figure.value!r} of {figure.items:,} items, but {mean!r} by its items"
    return ""


def _find_mistake(folder: Path, cell: Cell, metrics: Metrics, corpus: CorpusRecord | None) -> str:
    """Return what is wrong with the numbers of a cell, in one line; "" if nothing is."""
    try:
        documents = cell_files.read_documents(folder)
        again = summarize(as_tally(documents), _as_floor(documents))
        if reason := _find_other_number(metrics, again):
            return reason
        if cell_files.SCORES in cell.files:
            events = cell_files.read_scores(folder)
            if reason := _find_other_sum(documents, events):
                return reason
    except (OSError, KeyError, TypeError, ValueError) as error:  # Arrow's errors are among them
        return f"its documents or events cannot be read: {message_of(error)}"
    if corpus is None or (metrics.bytes, metrics.documents) != (corpus.test_bytes, corpus.test_documents):
        return "it does not have the bytes and documents of its corpus"
    return _find_other_doubt(cell, documents)


def _find_other_number(stored: Metrics, again: Metrics) -> str:
    for name in Metrics.model_fields:
        one, other = getattr(stored, name), getattr(again, name)
        if not _is_close(one, other):
            return f"{name} is {one!r}, but {other!r} by its documents"
    return ""


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    same = math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return one == other if isinstance(one, int) else same or (math.isnan(one) and math.isnan(other))


def _find_other_sum(documents: Columns, events: Columns) -> str:
    """Return in which document the sums over events differ from the document's own, beyond the rounding of float32."""
    borders = np.concatenate([[0], np.cumsum(documents["events"])])
    if borders[-1] != len(events["bits"]):
        return f"it has {len(events['bits']):,} events, but {borders[-1]:,} by its documents"
    for name, rounding in (("bytes", 0.0), ("bits", _FLOAT32), ("spelling_bits", _FLOAT32)):
        total = np.concatenate([[0.0], np.cumsum(events[name], dtype=np.float64)])
        sums, expected = np.diff(total[borders]), documents[name].astype(np.float64)
        wrong = np.flatnonzero(np.abs(sums - expected) > rounding * expected + _ROUNDING * max(total[-1], 1.0))
        if len(wrong):
            number = wrong[0]
            return f"document {number} has {expected[number]:.9g} {name}, but its events have {sums[number]:.9g}"
    return ""


def _find_other_doubt(cell: Cell, documents: Columns) -> str:
    floor = _as_floor(documents)
    gain = math.fsum(floor) - float(documents["bits"].sum()) * math.log(2) if floor is not None else 0.0
    if cell.impossible != (gain > IMPOSSIBLE_GAIN):
        return f"its numbers are {'' if gain > IMPOSSIBLE_GAIN else 'not '}impossible, and it says otherwise"
    if bool(cell.doubt) != (cell.impossible or bool(cell.audit and cell.audit.failure)):
        return "what it says about doubts is not what its audit found"
    return ""


def as_tally(documents: Columns) -> Tally:
    """Return the columns of a cell's documents as a tally."""
    return Tally(**{name: documents[name] for name in Tally.__dataclass_fields__})


def _as_floor(documents: Columns) -> list[float] | None:
    """Return the nats that the source needs for each document, if that is known."""
    if "floor_bits" not in documents:
        return None
    floor: list[float] = (documents["floor_bits"] * math.log(2)).tolist()
    return floor


def _examine_verifications(directory: RunDirectory) -> Iterator[Finding]:
    used = directory.verifications()
    for file in sorted((directory.path / "checks").glob("*.json")):
        subject = f"checks of {file.stem}"
        try:
            verification = read_sealed(Verification, file)
        except ResultsError as error:
            yield Finding(subject, True, str(error))
            continue
        subject = f"checks of {verification.model}"
        if file.stem != model_stem(verification.model):
            yield Finding(subject, True, f"{file} holds those of another model")
        elif verification.model not in used:
            yield Finding(subject, False, "not used: they are those of another version of the model")
        elif verification.doubt != _judge(verification):
            yield Finding(subject, True, "the verdict is not that of the outcomes")
        else:
            yield Finding(subject, False, verification.doubt or "verified")


def _judge(verification: Verification) -> str:
    """Return the doubt that follows from the outcomes; that which is stored if the suite did not end."""
    if not verification.outcomes:
        return verification.doubt or "the suite did not end"
    blank = {"doubt": find_doubt(verification.outcomes), "own_outcomes": ()}
    judged = verification.model_copy(update=blank)
    return judged.with_own(verification.own_outcomes).doubt if verification.own_outcomes else judged.doubt


def describe_row(row: Row) -> str:
    """Return how findings name a row: "kenlm on pydocs", "kenlm on the task copa". A corpus may have the same name."""
    return f"{row.label} on {'the task ' * (row.kind == 'task')}{row.corpus}"
