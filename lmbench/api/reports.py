"""The report of a run in any place: one file in a format, or a folder with all of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lmbench import atomic
from lmbench.api.ready_models import restore_model
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.progress import SILENT, Progress
from lmbench.report import exhibits, tables
from lmbench.report.csv_files import format_cells
from lmbench.report.latex import format_latex
from lmbench.report.markdown import format_markdown
from lmbench.report.page.document import format_page
from lmbench.report.ranked_run import Predictors, RankedRun
from lmbench.report.task_files import format_csv as format_tasks


def _format_csv(results: RankedRun) -> str:
    """Return table.csv, or tasks.csv if the run has no corpora."""
    manifest = results.directory.manifest
    return format_tasks(results) if manifest.tasks and not manifest.corpora else format_cells(results)


_FORMATS = {
    ".csv": _format_csv,
    ".html": lambda results: format_page(results, is_alone=True),
    ".md": format_markdown,
    ".tex": format_latex,
}


def add_calibration(
    results: RankedRun, labels: str | Sequence[str], limit: int | None = None, progress: Progress = SILENT
) -> RankedRun:
    """Return a run whose page shows the calibration of models.

    Args:
        results: The run.
        labels: The names of models in the tables. They are restored, or fitted again if they are not stored.
        limit: How many documents of each text they predict, the first ones; None for all.
        progress: Receives reports.

    Raises:
        UnknownNameError: The run does not have a model.
        ResultsError: A model does not have numbers on a corpus, or the limit is below 1.
    """
    labels = (labels,) if isinstance(labels, str) else tuple(labels)
    if limit is not None and limit < 1:
        raise ResultsError(f"calibration cannot be limited to {limit} documents; the least is 1")
    known = {entry.label: None for ranking in results.rankings for entry in ranking.entries}
    for label in labels:
        if label not in known and label in {row.label for row in results.directory.manifest.rows}:
            raise ResultsError(f"{label} has no numbers on a corpus, so that its calibration is unknown")
        if label not in known:
            raise UnknownNameError("model of these results", label, known)
    return replace(results, predictors=Predictors(labels, restore_model, limit, progress)) if labels else results


def write_report(results: RankedRun, path: Path) -> None:
    """Write the report of a run.

    Args:
        results: The run.
        path: A file whose suffix names the format, or a folder for all formats, and the pictures of what the models
            learned.

    Raises:
        ResultsError: The path cannot be written, or its suffix names no format.
    """
    try:
        if path.suffix and not path.is_dir():
            _write_file(results, path)
        else:
            _write_folder(results, path)
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror or error}") from error


def _write_file(results: RankedRun, path: Path) -> None:
    if path.suffix not in _FORMATS:
        raise ResultsError(f"{path}: the formats of a report are {', '.join(_FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, _FORMATS[path.suffix](results).encode())


def _write_folder(results: RankedRun, path: Path) -> None:
    """Write the report into the run directory, as ``lmbench report`` does, and copy it."""
    own = results.directory.path
    tables.write(results)
    exhibits.write(results.directory)
    path.mkdir(parents=True, exist_ok=True)
    if path.samefile(own):
        return
    for name in tables.list_files(results):
        shutil.copy(own / name, path)
    if (own / "exhibits").is_dir():
        shutil.copytree(own / "exhibits", path / "exhibits", dirs_exist_ok=True)
