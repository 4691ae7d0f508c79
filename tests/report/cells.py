"""Cells that were not run, and the record of their corpus."""

from lmbench.backends.uniform import Uniform
from lmbench.metrics import summarize, tally
from lmbench.runs.records import Cell, CorpusRecord, Costs
from tests.storing import TEXTS

CORPUS = CorpusRecord(
    name="c",
    description="",
    provenance="lines",
    tokenized=True,
    spaced=True,
    train_fingerprint="",
    valid_fingerprint="",
    test_fingerprint="",
    digest="",
    train_bytes=1,
    valid_bytes=1,
    test_bytes=1234,
    test_documents=2,
    floor_note="",
)
COSTS = Costs(
    fit_seconds=None, score_seconds=123.4, bytes_per_second=1.0, peak_bytes=3 << 20, parameters=9_610_000, disk_bytes=1
)


def cell(model, **fields):
    """Return a cell of the uniform model on two documents."""
    metrics = summarize(tally(TEXTS, Uniform().score(TEXTS)))
    fields = {"metrics": metrics, "costs": COSTS} | fields
    return Cell(key=f"key of {model}", model=model, corpus="c", status="ok", **fields)


def broken_cell(model, status="failed", error="why", corpus="c"):
    """Return a cell that could not be evaluated."""
    return Cell(key=f"key of {model}", model=model, corpus=corpus, status=status, error=error)
