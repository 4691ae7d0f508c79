"""A run of four models on two corpora, whose numbers are known."""

import re

import numpy as np
import pytest

from lmbench import Corpus, Split
from lmbench.analysis.texts import Texts
from lmbench.exhibit import Exhibit
from lmbench.report.ranked_run import RankedRun
from lmbench.score import Score
from tests.report.cells import broken_cell, cell, store_bits, store_scores, text
from tests.storing import new_directory, store

NOISE = np.random.default_rng(0).normal(0, 0.05, 40)
SIZES = np.full(40, 100)
HOSTILE = '<script>alert("1")</script>"\'&\u202e\x1b[31m=cmd'


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    records = (text("plain", description="about <b>"), text(HOSTILE, provenance=HOSTILE, description=HOSTILE))
    directory = new_directory(tmp_path_factory.mktemp("page") / "run", records)
    for name in ("plain", HOSTILE):
        store_bits(directory, cell("kenlm", corpus=name), 2 + NOISE, SIZES)
        store_bits(directory, cell("ppm", corpus=name), 1.9 + NOISE[::-1], SIZES)
        store_bits(directory, cell("mix", corpus=name), 1.5 + NOISE, SIZES)
        store_bits(directory, cell("uniform", corpus=name), 8 + 0 * NOISE, SIZES)
    store(directory, broken_cell(HOSTILE, "failed", HOSTILE, "plain"))
    learned = cell("hmm", corpus="plain").model_copy(update={"pseudo": True})
    exhibits = (
        Exhibit(title=HOSTILE, shows=HOSTILE, kind="table", columns=("a", HOSTILE), rows=((HOSTILE, 1),)),
        Exhibit(title="Training", shows="loss", kind="lines", columns=("step", HOSTILE), rows=((1, 2.0), (2, 1.0))),
    )
    store(directory, learned, exhibits)
    return directory


@pytest.fixture(scope="session")
def results(made):
    return RankedRun.read(made)


def score_words(document, price):
    """Return the score of a document whose events are words, with white space before them, and line ends."""
    pieces = re.findall(r"[^\S\n]*(?:[^\s]+|\n)", document)
    assert "".join(pieces) == document
    ends = np.cumsum([len(piece.encode()) for piece in pieces])
    return Score(ends, -np.log(2) * np.array([price(piece.strip()) for piece in pieces]), np.zeros(len(ends)))


@pytest.fixture(scope="session")
def paired(tmp_path_factory):
    """A run with its text, on which hmm needs 100 bits for each "hard", and kenlm 60 for each hostile word."""
    documents = tuple(f"A hard word {HOSTILE}\n\tof {number} words\n" + "and more\n" * number for number in range(12))
    corpus = Corpus("c", Split(()), Split(()), Split(documents), provenance="", tokenized=True)
    record = text("c", test_fingerprint=corpus.test.fingerprint, test_documents=len(documents))
    directory = new_directory(tmp_path_factory.mktemp("paired") / "run", (record,))
    hmm = [score_words(each, lambda word: {"hard": 100, "and": 3.5}.get(word, 2)) for each in documents]
    kenlm = [score_words(each, lambda word: 60 if word == HOSTILE else 2) for each in documents]
    store_scores(directory, cell("kenlm"), documents, kenlm)
    store_scores(directory, cell("hmm"), documents, hmm)
    return RankedRun.read(directory, texts=Texts(directory.manifest, corpus))
