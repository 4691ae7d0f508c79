"""Run directories with cells that were not run."""

import shutil

from lmbench.backends.uniform import Uniform
from lmbench.identity import digest
from lmbench.metrics import tally
from lmbench.runs.cell_files import DOCUMENTS, write_cell, write_documents
from lmbench.runs.records import Manifest, ModelRecord
from lmbench.runs.store import RunDirectory

TEXTS = ["ab\n", "中\n"]


def new_directory(path, corpora=()):
    """Return a new run directory without rows."""
    manifest = Manifest(created="2026-01-01T00:00:00+00:00", models=(), corpora=corpora, rows=())
    with RunDirectory.growing(path, manifest) as directory:
        return directory


def suite_key_of(directory, label):
    """Return a key that the results of a model in the suite may have."""
    [model] = [model for model in directory.manifest.models if model.label == label]
    return f"{digest(model.identity)}-suite"


def store(directory, cell, exhibits=(), like=None):
    """Store a cell and its row, and a record of its model if the run has none.

    Args:
        directory: The run.
        cell: The cell.
        exhibits: What its model learned.
        like: A stored cell with the same documents. None for those of the uniform model.
    """
    add_row(directory, cell)
    folder = directory.new_work_folder()
    if like is not None:
        shutil.copy(directory.folder(like.row) / DOCUMENTS, folder)
    elif cell.metrics is not None:
        write_documents(folder / DOCUMENTS, tally(TEXTS, Uniform().score(TEXTS)), None)
    directory.adopt(folder, write_cell(folder, cell, exhibits))


def add_row(directory, cell):
    """Add the row of a cell to the manifest, and a record of its model if there is none."""
    _, _, written = cell.model.partition(":")
    options = dict(pair.split("=") for pair in written.split(",")) if "=" in written else {}
    record = ModelRecord(label=cell.model, spec=cell.model, origin="test 1", options=options, identity=None)
    is_known = any(model.label == cell.model for model in directory.manifest.models)
    models = () if is_known else (record,)
    directory.extend(Manifest(created="", models=models, corpora=(), rows=(cell.row,)))
