"""Run directories with cells of tasks that were not run."""

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from lmbench.runs.cell_files import ITEMS, write_cell
from lmbench.runs.records import Cell, Costs, Figure, Manifest, MetricRecord, TaskRecord
from lmbench.runs.store import RunDirectory
from tests.storing import add_row

ACCURACY = MetricRecord(
    name="accuracy", description="share of right choices", unit="share", higher_is_better=True, chance=0.25
)
BYTES = MetricRecord(
    name="accuracy_bytes", description="the same per byte", unit="share", higher_is_better=True, chance=0.25
)
F1 = MetricRecord(name="f1", description="F1 of words", unit="share", higher_is_better=True)
BITS = MetricRecord(name="bits", description="bits of the last word", unit="bits", higher_is_better=False)
COSTS = Costs(
    fit_seconds=1.5, score_seconds=2.5, bytes_per_second=1.0, peak_bytes=3 << 20, parameters=9_610_000, disk_bytes=1
)


def task_of(name="quiz", **fields):
    """Return the record of a task."""
    known = {
        "kind": "multiple-choice",
        "description": "questions",
        "language": "en",
        "items": 40,
        "digest": f"digest of {name}",
        "provenance": "lines",
        "signature": f"task:{name}",
        "training_name": "fables-en",
        "metrics": (ACCURACY,),
    }
    return TaskRecord(name=name, **known | fields)


def new_run(path, *tasks, corpora=()):
    """Return a new run directory without rows."""
    manifest = Manifest(created="2026-01-01T00:00:00+00:00", models=(), corpora=corpora, rows=(), tasks=tasks)
    with RunDirectory.growing(path, manifest) as directory:
        return directory


def answer(directory, model, task="quiz", groups=None, cell=None, exhibits=(), **columns):
    """Store the cell of a model on a task, and return it.

    Args:
        directory: The run.
        model: The label of the model.
        task: The name of the task.
        groups: Of each name, the group of each item.
        cell: Fields of the cell.
        exhibits: Those of its model.
        columns: The values of each metric, and "text" and "chosen" if there are any.
    """
    [record] = [record for record in directory.manifest.tasks if record.name == task]
    count = len(next(iter(columns.values())))
    table = {"id": [f"item-{number}" for number in range(count)], **(groups or {}), "chosen": None, "text": None}
    table = {name: [None] * count if column is None else list(column) for name, column in (table | columns).items()}
    known = {metric.name for metric in record.metrics}
    answered = {name: [value for value in table[name] if value is not None] for name in known & set(columns)}
    figures = tuple(
        Figure(metric=name, value=float(np.mean(values)), items=len(values))
        for name, values in answered.items()
        if values
    )
    fields = {"costs": COSTS, "signature": f"lmbench|model:{model}", "figures": figures} | (cell or {})
    made = Cell(key=f"key of {model} {task}", model=model, corpus=task, kind="task", status="ok", **fields)
    add_row(directory, made)
    folder = directory.new_work_folder()
    parquet.write_table(pa.table(table), folder / ITEMS)
    stored = write_cell(folder, made, exhibits)
    directory.adopt(folder, stored)
    return stored


def fail(directory, model, task="quiz", error="why", status="failed"):
    """Store a cell of a task that failed."""
    made = Cell(key=f"key of {model} {task}", model=model, corpus=task, kind="task", status=status, error=error)
    add_row(directory, made)
    folder = directory.new_work_folder()
    directory.adopt(folder, write_cell(folder, made, ()))
    return made


def right(count, total):
    """Return the values of so many right answers, spread evenly over all items."""
    return [float((number + 1) * count // total - number * count // total) for number in range(total)]
