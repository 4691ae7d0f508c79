"""A run of four models on two corpora, whose numbers are known."""

import numpy as np
import pytest

from lmbench.exhibit import Exhibit
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import broken_cell, cell, store_bits, text
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
