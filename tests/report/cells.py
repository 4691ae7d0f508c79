"""Cells that were not run, and the manifest of their run."""

from lmbench.backends.uniform import Uniform
from lmbench.metrics import summarize, tally
from lmbench.runs.store import Cell, CorpusRecord, Costs, Manifest

CORPUS = CorpusRecord(
    name="c",
    description="",
    provenance="lines",
    tokenized=True,
    spaced=True,
    train_fingerprint="",
    valid_fingerprint="",
    test_fingerprint="",
    train_bytes=1,
    valid_bytes=1,
    test_bytes=1234,
    test_documents=2,
    floor_note="",
)
MANIFEST = Manifest(
    created="2026-01-01T00:00:00+00:00",
    models=(),
    options=(),
    corpora=(CORPUS,),
    versions=(),
    python="3",
    platform="x",
    cpus=2,
)
COSTS = Costs(
    fit_seconds=None, score_seconds=123.4, bytes_per_second=1.0, peak_bytes=3 << 20, parameters=9_610_000, disk_bytes=1
)


def cell(number, model, **fields):
    """Return a cell of the uniform model on two documents."""
    documents = ["ab\n", "中\n"]
    metrics = summarize(tally(documents, Uniform().score(documents)))
    return Cell(
        number=number, model=model, corpus="c", status="ok", metrics=metrics, costs=fields.pop("costs", COSTS), **fields
    )
