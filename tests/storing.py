"""Run directories with cells that were not run."""

from lmbench.backends.uniform import Uniform
from lmbench.identity import digest
from lmbench.metrics import tally
from lmbench.runs.cell_files import DOCUMENTS, write_cell, write_documents
from lmbench.runs.records import Manifest
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


def store(directory, cell, exhibits=()):
    """Store a cell and its row. Its documents are those of the uniform model."""
    directory.extend(Manifest(created="", models=(), corpora=(), rows=(cell.row,)))
    folder = directory.new_work_folder()
    if cell.metrics is not None:
        write_documents(folder / DOCUMENTS, tally(TEXTS, Uniform().score(TEXTS)), None)
    directory.adopt(folder, write_cell(folder, cell, exhibits))
