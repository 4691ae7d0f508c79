"""Merge run directories: from different machines, by different people, or the shards of one experiment."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from lmbench.errors import ResultsError
from lmbench.progress import SILENT, Progress
from lmbench.runs import cell_files
from lmbench.runs.records import (
    AUDIT_KINDS,
    Cell,
    CorpusRecord,
    Manifest,
    ModelRecord,
    Row,
    TaskRecord,
    Verification,
)
from lmbench.runs.store import RunDirectory, check_log_place

_NUMBERS = ("bits", "documents", "bytes", "characters", "words", "line_ends", "events", "unknown")


def merge(sources: Sequence[Path], out: Path, progress: Progress = SILENT) -> RunDirectory:
    """Copy the cells of several runs into a new run directory, or into one that exists.

    The rows keep their order: those of `out` come first, then those of each source. Damaged cells are left out, and
    named in notices. Of a cell that several runs have, the one with numbers is copied, then one that is in doubt, then
    the one with the strongest audit.

    Args:
        sources: The run directories.
        out: The merged one.
        progress: Receives reports.

    Raises:
        ResultsError: The runs contradict each other, one of them cannot be read, or `out` cannot be written. Unless it
            cannot be written, it is left as it was.
    """
    places = [out, *sources] if RunDirectory.is_at(out) else sources
    runs = [RunDirectory.open(path) for path in {path.resolve(): path for path in places}.values()]
    _require_same_subjects(runs)
    _require_same_models(runs)
    manifest = _join_manifests(runs)
    chosen = _choose_cells(runs)
    for run in runs:
        for damage in run.damage():
            progress.notice(f"{damage.reason}; the cell is left out")
    with RunDirectory.growing(out, manifest) as merged:
        _copy_cells(chosen, merged, progress)
        _copy_verifications(runs, merged)
    return merged


@dataclass(frozen=True, slots=True)
class _Found:
    """A cell of one of the runs."""

    cell: Cell
    run: RunDirectory

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """How much there is to be lost if another cell with the same identity is copied instead."""
        cell = self.cell
        audit = AUDIT_KINDS.index(cell.audit_kind)
        return cell.status == "ok", bool(cell.doubt), audit, cell_files.SCORES in cell.files


def _require_same_subjects(runs: Sequence[RunDirectory]) -> None:
    """Check that corpora of the same name are the same, and that tasks are."""
    _require_same(((run, corpus) for run in runs for corpus in run.manifest.corpora), "has another text")
    _require_same(((run, task) for run in runs for task in run.manifest.tasks), "asks other items")


def _require_same(found: Iterable[tuple[RunDirectory, CorpusRecord | TaskRecord]], difference: str) -> None:
    """Check that records of the same name have the same digest."""
    first = dict[str, tuple[str, Path]]()
    for run, record in found:
        digest, path = first.setdefault(record.name, (record.digest, run.path))
        if digest != record.digest:
            raise ResultsError(f"{record.name} {difference} in {run.path} than in {path}; merge one of them alone")


def _require_same_models(runs: Sequence[RunDirectory]) -> None:
    """Check that models of the same label are the same. One that is broken in a run may be any."""
    first = dict[str, tuple[ModelRecord, Path]]()
    for run in runs:
        for model in filter(lambda model: model.identity is not None, run.manifest.models):
            known, path = first.setdefault(model.label, (model, run.path))
            if known.identity != model.identity:
                raise ResultsError(
                    f"{model.label} is another model in {run.path} than in {path}: its spec, its version or a file "
                    "that it reads differs; merge one of them alone"
                )


def _join_manifests(runs: Sequence[RunDirectory]) -> Manifest:
    """Return the manifest of all runs. A model that is broken in one of them counts only if it is so in all."""
    working = {model.label for run in runs for model in run.manifest.models if model.identity is not None}
    manifests = [_without_broken(run.manifest, working) for run in runs]
    first = dict[tuple[str, ...], tuple[str, Path]]()
    for run, manifest in zip(runs, manifests, strict=True):
        for row in manifest.rows:
            key, path = first.setdefault(row.slot, (row.key, run.path))
            if key != row.key:
                raise ResultsError(
                    f"{row.label} on {row.corpus} is another cell in {run.path} than in {path}: they are of "
                    "different versions of lmbench; merge one of them alone"
                )
    return reduce(Manifest.extended, manifests)


def _without_broken(manifest: Manifest, working: set[str]) -> Manifest:
    """Return a manifest without the models that are broken in it, but not in another run."""
    broken = {model.label for model in manifest.models if model.identity is None} & working
    return manifest.model_copy(
        update={
            "models": tuple(model for model in manifest.models if model.label not in broken),
            "rows": tuple(row for row in manifest.rows if row.model not in broken),
        }
    )


def _choose_cells(runs: Sequence[RunDirectory]) -> Mapping[str, _Found]:
    """Return the cell to copy for each identity.

    Raises:
        ResultsError: Two runs have other numbers for it.
    """
    chosen = dict[str, _Found]()
    for found in (_Found(cell, run) for run in runs for cell in run.all_cells()):
        before = chosen.setdefault(found.cell.key, found)
        _require_same_numbers(before, found)
        if found.rank > before.rank:
            chosen[found.cell.key] = found
    return chosen


def _require_same_numbers(first: _Found, second: _Found) -> None:
    if first.cell.figures and second.cell.figures and first.cell.figures != second.cell.figures:
        raise ResultsError(
            f"{first.cell.label} on {first.cell.corpus} contradicts itself: its figures in {first.run.path} are not "
            f"those in {second.run.path}; merge one of them alone"
        )
    for name in _NUMBERS if first.cell.metrics and second.cell.metrics else ():
        one, other = (getattr(found.cell.metrics, name) for found in (first, second))
        if one != other:
            raise ResultsError(
                f"{first.cell.label} on {first.cell.corpus} contradicts itself: {name} are {one!r} in {first.run.path} "
                f"and {other!r} in {second.run.path}; merge one of them alone"
            )


def _copy_cells(chosen: Mapping[str, _Found], merged: RunDirectory, progress: Progress) -> None:
    """Copy the cells that the merged run does not have yet."""
    stored = {cell.row: cell for cell in merged.all_cells()}
    for row in merged.manifest.rows:
        found = chosen.get(row.key)
        if found is not None and found.cell.model_copy(update={"model": row.model}) != stored.get(row):
            folder = merged.new_work_folder()
            _copy_files(found.run.folder(found.cell.row), folder)
            try:
                copied = cell_files.read_cell(folder)
            except ResultsError:
                progress.notice(f"{row.label} on {row.corpus} of {found.run.path} changed just now; it is left out")
            else:
                merged.adopt(folder, _relabel(copied, row, folder))


def _copy_files(source: Path, folder: Path) -> None:
    for file in source.glob("*"):
        try:
            shutil.copyfile(file, folder / file.name)
        except FileNotFoundError:  # another run is writing to the source
            return
        except OSError as error:
            raise ResultsError(f"cannot copy {file} to {folder}: {error.strerror or error}") from error


def _relabel(cell: Cell, row: Row, folder: Path) -> Cell:
    """Return the cell of a row, which may be that of the same model under another label."""
    if cell.model == row.model:
        return cell
    return cell_files.write_cell(folder, cell.model_copy(update={"model": row.model}), ())


def _copy_verifications(runs: Sequence[RunDirectory], merged: RunDirectory) -> None:
    """Store the results of each model in the suite, joined from all runs, and a log of them."""
    joined = dict[str, Verification]()
    for run in runs:
        for label, found in run.verifications().items():
            before = joined.get(label)
            joined[label] = found if before is None else _join_verifications(before, found)
            if run.path != merged.path and joined[label].outcomes == found.outcomes:
                merged.keep_log(run.path / check_log_place(label), label)
    for verification in joined.values():
        merged.write_verification(verification)


def _join_verifications(first: Verification, second: Verification) -> Verification:
    """Return the results that ended, with their doubt if there is one, and with the outcomes under own options."""
    best, other = sorted((first, second), key=_completeness, reverse=True)
    is_addition = best.lacks_own and other.key == best.key
    return best.with_own(other.own_outcomes) if is_addition and other.own_outcomes else best


def _completeness(verification: Verification) -> tuple[bool, ...]:
    return bool(verification.outcomes), bool(verification.doubt), bool(verification.own_outcomes)
