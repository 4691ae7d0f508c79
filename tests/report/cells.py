"""Cells that were not run, and the record of their corpus."""

import numpy as np

from lmbench.backends.uniform import Uniform
from lmbench.metrics import Tally, summarize, tally
from lmbench.runs.cell_files import DOCUMENTS, SCORES, ScoresFile, write_cell, write_documents
from lmbench.runs.records import Cell, CorpusRecord, Costs, Verification
from lmbench.score import join_groups
from tests.storing import TEXTS, add_row, suite_key_of

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


def text(name="c", **fields):
    """Return a corpus. Those of other names have other texts for training."""
    return CORPUS.model_copy(
        update={"name": name, "digest": f"digest of {name}", "test_fingerprint": "f" * 64} | fields
    )


def cell(model, **fields):
    """Return a cell of the uniform model on two documents."""
    metrics = summarize(tally(TEXTS, Uniform().score(TEXTS)))
    fields = {"metrics": metrics, "costs": COSTS, "corpus": "c"} | fields
    key = f"key of {model} {fields['corpus']} {fields.get('train_size', '')}"
    return Cell(key=key, model=model, status="ok", **fields)


def broken_cell(model, status="failed", error="why", corpus="c"):
    """Return a cell that could not be evaluated."""
    return Cell(key=f"key of {model} {corpus}", model=model, corpus=corpus, status=status, error=error)


def store_bits(directory, made, per_byte, sizes, floor=None):
    """Store a cell whose documents need so many bits per byte, and return it.

    Args:
        directory: The run.
        made: The cell. Its metrics are replaced.
        per_byte: (documents,) bits per byte of each document, or one number for all.
        sizes: (documents,) bytes.
        floor: (documents,) bits that the source needs; None if it is unknown.
    """
    sizes = np.asarray(sizes)
    counts, bits = np.ones(len(sizes), dtype=np.int64), per_byte * sizes
    counted = Tally(sizes, sizes, counts, counts, 2 * counts, 0 * counts, 0 * counts, bits, 0.0 * bits, 0.0 * bits)
    nats = None if floor is None else floor * np.log(2)
    made = made.model_copy(update={"metrics": summarize(counted, nats)})
    add_row(directory, made)
    folder = directory.new_work_folder()
    write_documents(folder / DOCUMENTS, counted, nats)
    directory.adopt(folder, write_cell(folder, made, ()))
    return made


def store_scores(directory, made, texts, scores):
    """Store a cell with its events, and return it as it is stored.

    Args:
        directory: The run.
        made: The cell. Its metrics stay as they are.
        texts: The documents of its test text.
        scores: The score of each document.
    """
    add_row(directory, made)
    folder = directory.new_work_folder()
    write_documents(folder / DOCUMENTS, tally(texts, scores), None)
    with ScoresFile(folder / SCORES, max(len(text.encode()) for text in texts)) as file:
        file.add(*join_groups(scores, texts, range(len(texts))))
    stored = write_cell(folder, made, ())
    directory.adopt(folder, stored)
    return stored


def verify(directory, model, **fields):
    """Store the results of a model in the conformance suite, which found nothing unless `fields` say so."""
    fields = {"doubt": "", "outcomes": ()} | fields
    directory.write_verification(Verification(model=model, key=suite_key_of(directory, model), **fields))
