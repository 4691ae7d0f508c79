"""Run directories whose cells need as many bits as a test wants."""

import numpy as np

from lmbench.analysis.comparison import RunModel, compare_models
from lmbench.runs.records import Machine, Manifest, ModelRecord, Provenance
from tests.report.cells import broken_cell, cell, store_bits, text
from tests.storing import new_directory, store

SIZES = np.full(12, 100)
NOISE = np.random.default_rng(1).normal(0, 4, 12)


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
    add_model(directory, model or model_record(label))
    store_bits(directory, cell(label, **fields), bits / sizes, sizes)


def add_broken(directory, label, corpus="c", status="failed", error="why"):
    """Store a cell without numbers, and its model."""
    add_model(directory, model_record(label))
    store(directory, broken_cell(label, status, error, corpus))


def add_model(directory, model):
    """Add a model without cells."""
    directory.extend(Manifest(created="", models=(model,), corpora=(), rows=()))


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
