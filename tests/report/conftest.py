"""A run directory with two models that ran and one that was unavailable."""

import pytest

from lmbench import Corpus, Split
from tests.report.cells import broken_cell
from tests.running import run
from tests.storing import store


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
    store(made, broken_cell("gpt2", "unavailable", "no | weights <b>", "toy|corpus"))
    return made
