"""Records of tasks: what a run directory says about each of them."""

from __future__ import annotations

import math

from lmbench.runs.measurements import find_task_overlap
from lmbench.runs.records import MetricRecord, TaskRecord
from lmbench.tasks.task import Metric, Task


def record_task(task: Task) -> TaskRecord:
    """Return the record of a task."""
    training = task.training
    return TaskRecord(
        name=task.name,
        kind=task.kind,
        description=task.description,
        language=task.language,
        items=len(task.items),
        digest=task.digest,
        provenance=task.provenance,
        signature=str(task.signature()),
        training_name=task.training_name,
        train_fingerprint=training.train.fingerprint if training else "",
        train_bytes=training.train.size if training else 0,
        metrics=tuple(_record_metric(task, metric) for metric in task.metrics),
        overlap=find_task_overlap(task),
        license=task.license,
        citation=task.citation,
        note=task.note,
        published_by=task.published_by,
    )


def _record_metric(task: Task, metric: Metric) -> MetricRecord:
    known = [chance[metric.name] for chance in map(task.chance, task.items) if metric.name in chance]
    return MetricRecord(
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        corpus=metric.corpus,
        chance=math.fsum(known) / len(known) if known else None,
    )
