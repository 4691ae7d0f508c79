"""A run directory with two models that ran and one that was unavailable."""

import pytest

from lmbench import Corpus, Split
from lmbench.runs.store import Cell
from tests.running import run


@pytest.fixture
def directory(tmp_path):
    corpus = Corpus(
        "toy|corpus",
        Split(("a b\n",) * 9),
        Split(("a b\n",)),
        Split(("a b\n", "b a\n")),
        provenance="lines",
        tokenized=True,
        floor=(1.0, 1.0),
        floor_note="known",
    )
    made = run("uniform,kenlm:order=2", [corpus], tmp_path / "run")
    made.write(Cell(number=3, model="gpt2", corpus="toy|corpus", status="unavailable", error="no | weights <b>"), None)
    return made
