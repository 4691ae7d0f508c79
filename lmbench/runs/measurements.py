"""Measurements of a corpus that are made once and kept in the user's cache: the overlap of its splits, its anchors.

The overlap of a task's items with its training text is one as well.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from lmbench.cache_folder import cache_folder
from lmbench.corpora.anchors import Anchor, measure_anchors
from lmbench.corpora.overlap import Overlap, find_shared, measure_overlap
from lmbench.corpus import Corpus, separates_words
from lmbench.errors import ResultsError
from lmbench.identity import digest
from lmbench.runs.sealed import read_sealed, write_sealed
from lmbench.tasks.task import Task

# The versions of the measurements. Raise one if the same texts give another result than before.
_OVERLAP_VERSION = 1
_ANCHORS_VERSION = 1
_TASK_OVERLAP_VERSION = 2


class _TaskOverlap(BaseModel):
    """The overlap of a task as it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float | None


class _Anchors(BaseModel):
    """Anchors as they are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anchors: tuple[Anchor, ...]


def find_overlap(corpus: Corpus) -> Overlap | None:
    """Return the overlap of a corpus's splits; see `measure_overlap`. A kept one is not measured again."""
    splits = [split.digest for split in (corpus.train, corpus.valid, corpus.test)]
    path = _path("overlaps", [_OVERLAP_VERSION, corpus.spaced, *splits])
    with suppress(ResultsError):
        return read_sealed(Overlap, path)
    if (measured := measure_overlap(corpus)) is not None:
        _keep(path, measured)
    return measured


def find_anchors(corpus: Corpus) -> tuple[Anchor, ...]:
    """Return the anchors of a corpus; see `measure_anchors`. Kept ones are not measured again."""
    path = _path("anchors", [_ANCHORS_VERSION, corpus.train.digest, corpus.test.digest])
    with suppress(ResultsError):
        return read_sealed(_Anchors, path).anchors
    if measured := measure_anchors(corpus):
        _keep(path, _Anchors(anchors=measured))
    return measured


def find_task_overlap(task: Task) -> float | None:
    """Return the overlap of a task's items with its training text; see `TaskRecord`. A kept one is read."""
    if task.training is None or not task.training.train.documents:
        return None
    items = [(item.context, *item.choices, *item.references) for item in task.items]
    asked = digest([list(texts) for texts in items])
    path = _path("task-overlaps", [_TASK_OVERLAP_VERSION, asked, task.training.train.digest])
    with suppress(ResultsError):
        return read_sealed(_TaskOverlap, path).share
    spaced = separates_words(["\n".join(texts) for texts in items])
    long, shared = find_shared(items, task.training.train, spaced)
    measured = _TaskOverlap(share=shared / long if long else None)
    _keep(path, measured)
    return measured.share


def _path(folder: str, identity: list[JsonValue]) -> Path:
    """Return the file of a measurement, given everything that its result depends on."""
    return cache_folder() / folder / f"{digest(identity)}.json"


def _keep(path: Path, measured: BaseModel) -> None:
    with suppress(ResultsError):
        write_sealed(path, measured)
