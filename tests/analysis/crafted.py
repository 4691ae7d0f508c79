"""Run directories whose cells need as many bits as a test wants."""

import numpy as np

from lmbench.analysis.comparison import RunModel, compare_models
from lmbench.metrics import Tally, summarize
from lmbench.runs.cell_files import DOCUMENTS, write_cell, write_documents
from lmbench.runs.records import Cell, Costs, Machine, Manifest, ModelRecord, Provenance
from tests.report.cells import CORPUS
from tests.storing import new_directory

SIZES = np.full(12, 100)
NOISE = np.random.default_rng(1).normal(0, 4, 12)
COSTS = Costs(fit_seconds=1.0, score_seconds=1.0, bytes_per_second=1.0, peak_bytes=1, parameters=1, disk_bytes=1)


def text(name="c", **fields):
    """Return a corpus."""
    return CORPUS.model_copy(update={"name": name, "test_fingerprint": "f" * 64} | fields)


def new_run(path, *corpora):
    """Return a new run directory with these corpora, by default one."""
    return new_directory(path, corpora or (text(),))


def model_record(label, options=None, **fields):
    """Return a model. Its algorithm has version 1."""
    options = options or {}
    identity = {"model": "Model", "code": "lmbench", "version": 1, "options": options}
    values = {"spec": label, "origin": "test 1", "options": options, "identity": identity} | fields
    return ModelRecord(label=label, **values)


def made_on(machine="Xeon", python="3.11", revision="abc", **versions):
    """Return where and with what a cell was evaluated."""
    return Provenance(
        started="2026-01-01T00:00:00+00:00",
        machine=Machine(processor=machine, cpus=2, memory=2 << 30, gpu="", platform="Linux"),
        python=python,
        versions=tuple({"lmbench": "0.1", **versions}.items()),
        revision=revision,
        threads=1,
        load=None,
    )


def add(directory, label, bits, sizes=SIZES, model=None, **fields):
    """Store a cell whose documents need these bits, and its model."""
    counts = np.ones(len(sizes), dtype=np.int64)
    tally = Tally(sizes, sizes, counts, counts, sizes, 0 * counts, 0 * counts, bits, 0.0 * bits, 0.0 * bits)
    values = {"corpus": "c", "costs": COSTS, "metrics": summarize(tally)} | fields
    cell = Cell(key=f"{label} {values['corpus']} {values.get('train_size')}", model=label, status="ok", **values)
    folder = _new_folder(directory, cell, model)
    write_documents(folder / DOCUMENTS, tally, None)
    directory.adopt(folder, write_cell(folder, cell, ()))


def add_broken(directory, label, corpus="c", status="failed", error="why"):
    """Store a cell without numbers, and its model."""
    cell = Cell(key=f"{label} {corpus}", model=label, corpus=corpus, status=status, error=error)
    folder = _new_folder(directory, cell, None)
    directory.adopt(folder, write_cell(folder, cell, ()))


def _new_folder(directory, cell, model):
    models = (model or model_record(cell.model),)
    directory.extend(Manifest(created="", models=models, corpora=(), rows=(cell.row,)))
    return directory.new_work_folder()


def compare_two(directory, model="a", baseline="b", **options):
    """Return the comparison of two models of a run."""
    return compare_models(RunModel(directory, model), RunModel(directory, baseline), **options)


def pair_of_runs(tmp_path, first, second):
    """Return two runs on two corpora, which have the same name, and on one that both have."""
    runs = [new_run(tmp_path / name, corpus, text("both")) for name, corpus in (("x", first), ("y", second))]
    for directory in runs:
        add(directory, "a", 200 + NOISE)
        add(directory, "a", 200 + NOISE, corpus="both")
    return runs
