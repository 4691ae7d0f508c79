import numpy as np
import pytest

from lmbench.analysis.ranking import rank_models
from lmbench.errors import ResultsError
from lmbench.statistics import Units, estimate_sums
from tests.analysis.crafted import add_model, model_record
from tests.report.cells import CORPUS, COSTS, cell, store_bits
from tests.storing import new_directory

SIZES = np.random.default_rng(0).integers(50, 500, 40)
NOISE = np.random.default_rng(1).normal(0, 0.1, 40)
FLOOR = 1.5 * SIZES


@pytest.fixture
def directory(tmp_path):
    return new_directory(tmp_path / "run", (CORPUS,))


def add(directory, label, per_byte, options=None, **fields):
    """Store a cell whose documents need so many bits per byte, and its model."""
    add_model(directory, model_record(label, options))
    store_bits(directory, cell(label, **fields), per_byte, SIZES, FLOOR)


def labels(ranking):
    return [(entry.label, entry.rank, entry.is_tied, entry.letters) for entry in ranking.entries]


def test_models_that_do_not_differ_share_rank_and_letter(directory):
    other = np.where(np.arange(40) % 2, NOISE, -NOISE)
    add(directory, "worst", 3 + NOISE)
    add(directory, "tied", 2.02 + other)
    add(directory, "best", 2 + NOISE)
    assert labels(rank_models(directory, CORPUS)) == [
        ("best", 1, True, "a"),
        ("tied", 1, True, "a"),
        ("worst", 3, False, "b"),
    ]


def test_a_difference_within_the_margin_is_none(directory):
    """It is significant, because it is the same on each document."""
    add(directory, "kenlm", 2 + NOISE)
    add(directory, "mix", 2.0001 + NOISE)
    [_, mix] = rank_models(directory, CORPUS).entries
    assert mix.to_best.difference.p < 1e-3
    assert mix.to_best.equal
    assert (mix.rank, mix.letters) == (1, "a")
    [_, mix] = rank_models(directory, CORPUS, margin=0.00001).entries
    assert (mix.rank, mix.letters) == (2, "b")


def test_the_difference_to_the_best_is_that_of_the_documents(directory):
    add(directory, "a", 2 + NOISE)
    add(directory, "b", 2.5 - NOISE)
    [best, second] = rank_models(directory, CORPUS).entries
    [expected] = estimate_sums(((0.5 - 2 * NOISE) * SIZES)[None], SIZES.astype(float))
    assert best.to_best is None
    assert second.to_best.difference.value == pytest.approx(expected.value)
    assert (second.to_best.difference.low, second.to_best.difference.high) == pytest.approx(
        (expected.low, expected.high)
    )
    assert second.to_best.wins == int((0.5 - 2 * NOISE < 0).sum())


def test_the_excess_has_the_interval_of_its_own_differences(directory):
    """The bits vary from document to document, and the excess over the floor does not."""
    add(directory, "a", 1.6 + 0 * NOISE)
    [entry] = rank_models(directory, CORPUS).entries
    assert (entry.excess.value, entry.excess.low, entry.excess.high) == pytest.approx((0.1, 0.1, 0.1))


def test_seeds_of_a_model_are_one_entry(directory):
    for seed in (0, 1, 2):
        add(directory, f"hmm:seed={seed}", 2 + 0.1 * seed + NOISE, options={"states": 8, "seed": seed})
    add(directory, "hmm:seed=0,states=9", 4 + NOISE, options={"states": 9, "seed": 0})
    add(directory, "kenlm", 3 + NOISE)
    several, kenlm, one = rank_models(directory, CORPUS).entries
    assert (several.label, len(several.cells), several.seed_deviation) == ("hmm", 3, pytest.approx(0.1))
    assert several.per_byte.value == pytest.approx(2.1 + float(NOISE @ SIZES) / SIZES.sum())
    assert (one.label, one.seed_deviation, one.is_seeded) == ("hmm:seed=0,states=9", None, True)
    assert not kenlm.is_seeded


def test_a_pretrained_model_has_no_variance_between_seeds_unless_it_is_trained_further(directory):
    add(directory, "hf", 2 + NOISE, options={"seed": 0}, pretrained=True)
    costs = COSTS.model_copy(update={"fit_seconds": 1.0})
    options = {"finetune": "steps:9", "seed": 0}
    add(directory, "hf:finetune=steps:9", 1 + NOISE, options, pretrained=True, costs=costs)
    assert [entry.is_seeded for entry in rank_models(directory, CORPUS).entries] == [True, False]


def test_impossible_numbers_and_pseudo_probabilities_are_not_ranked(directory):
    add(directory, "honest", 2 + NOISE)
    add(directory, "impossible", 0.1 + 0 * NOISE, impossible=True)
    add(directory, "pseudo", 1 + NOISE, pseudo=True)
    assert labels(rank_models(directory, CORPUS)) == [("honest", 1, False, "a")]


def test_few_effective_documents_are_not_ranked(directory, monkeypatch):
    sizes = np.ones(40, dtype=np.int64)
    sizes[0] = 1000
    monkeypatch.setattr(f"{__name__}.SIZES", sizes)
    add(directory, "a", 2 + NOISE)
    add(directory, "b", 3 + NOISE)
    ranking = rank_models(directory, CORPUS)
    assert ranking.has_too_few_documents
    assert labels(ranking) == [("a", None, False, ""), ("b", None, False, "")]
    assert ranking.units.dominant == (0,)
    assert ranking.entries[1].to_best.difference.value == pytest.approx(1)


def test_other_documents_are_refused(directory, monkeypatch):
    add(directory, "a", 2 + NOISE)
    monkeypatch.setattr(f"{__name__}.SIZES", SIZES + 1)
    add(directory, "b", 2 + NOISE)
    with pytest.raises(ResultsError, match="b-on-c has other documents than another cell of c"):
        rank_models(directory, CORPUS)


def test_a_corpus_without_numbers_has_no_entries(directory):
    ranking = rank_models(directory, CORPUS)
    assert (ranking.units, ranking.entries, ranking.comparisons) == (None, (), ())
    assert not ranking.has_too_few_documents


def test_neighbors_that_depend_on_each_other_are_resampled_in_blocks():
    rng = np.random.default_rng(3)
    level = np.repeat(rng.normal(2, 0.3, 60), 50)  # 60 articles of 50 lines
    sizes = np.full(3000, 100)
    units = Units.choose((level + rng.normal(0, 0.3, 3000))[None] * sizes, sizes, np.ones(3000, dtype=np.int64))
    assert units.are_blocks
    assert units.effective < 60
