"""The excess over a known floor has an interval of its own, from the floor of each document."""

import numpy as np
import pytest

from lmbench import load_corpus
from lmbench.analysis.ranking import rank_models
from lmbench.runs.cell_files import read_documents
from lmbench.statistics import estimate_sums
from tests.analysis.crafted import SIZES, add, new_run
from tests.report.cells import text
from tests.running import run


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return the entry of a model on a text whose source is known, and the columns of its documents."""
    corpus = load_corpus("hidden-markov:lines=600")
    directory = run("hmm:states=4,iterations=5", [corpus], tmp_path_factory.mktemp("runs") / "run", audit="none")
    [entry] = rank_models(directory, directory.manifest.corpora[0]).entries
    return entry, read_documents(directory.folder(entry.cells[0].row))


def test_excess_is_that_of_each_documents_bits_over_its_floor(measured):
    entry, columns = measured
    above, sizes = columns["bits"] - columns["floor_bits"], columns["bytes"].astype(float)
    assert entry.excess == estimate_sums(above[None], sizes)[0]
    assert entry.excess.value == pytest.approx(entry.per_byte.value - columns["floor_bits"].sum() / sizes.sum())


def test_interval_of_the_excess_is_near_that_of_the_bootstrap(measured):
    entry, columns = measured
    count = len(columns["bits"])
    weights = np.random.default_rng(0).multinomial(count, [1 / count] * count, 5000)
    draws = weights @ (columns["bits"] - columns["floor_bits"]) / (weights @ columns["bytes"])
    assert entry.excess.error == pytest.approx(draws.std(), rel=0.05)
    assert (entry.excess.low, entry.excess.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), rel=0.05)


def test_excess_is_more_certain_than_bits_per_byte(measured):
    """Bits per byte depend on which words the source chose, and the excess hardly does."""
    entry, _ = measured
    assert 0 < entry.excess.error < entry.per_byte.error / 2


def test_text_without_a_floor_has_no_excess(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "a", 2.0 * SIZES)
    [entry] = rank_models(directory, text()).entries
    assert entry.excess is None
