"""The notes on how certain a table is."""

from dataclasses import replace

import numpy as np
import pytest

from lmbench.analysis.ranking import rank_models
from lmbench.report.uncertainty import describe_details, describe_ranking, has_too_little_text
from lmbench.runs.records import Manifest
from lmbench.statistics import Units
from tests.report.cells import CORPUS, cell, store_bits
from tests.storing import new_directory

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)


@pytest.fixture
def directory(tmp_path):
    return new_directory(tmp_path / "run", (CORPUS,))


def notes_of(directory, describe=describe_ranking):
    return list(describe(rank_models(directory, CORPUS)))


def test_documents_are_counted_as_of_equal_size(directory):
    """(3 * 400 + 12 * 100)² / (3 * 400² + 12 * 100²) = 9.6 is too few, and 20 documents of one size are 20."""
    store_bits(directory, cell("a"), 2 + NOISE[:20], [100] * 20)
    assert notes_of(directory) == ["20 documents count as 20.0 of equal size."]
    few = new_directory(directory.path.parent / "few", (CORPUS,))
    store_bits(few, cell("a"), 2 + NOISE[:15], [400] * 3 + [100] * 12)
    assert notes_of(few) == ["15 documents count as 9.6 of equal size: too few to rank models, which takes 10."]


def test_dominant_documents_are_named_with_their_share(directory):
    store_bits(directory, cell("a"), 2 + NOISE[:12], [100] * 5 + [1000] + [100] * 6)
    [note] = notes_of(directory)
    assert note.endswith(" Document 5 (counted from 0) has 48 % of the bytes.")


def test_one_document_says_so(directory):
    store_bits(directory, cell("a"), np.array([2.0]), [100])
    assert notes_of(directory) == ["The text is a single document: there are no intervals and no ranks."]


def test_texts_without_numbers_have_no_notes(directory):
    assert notes_of(directory) == notes_of(directory, describe_details) == []


def store_lines(directory, dependent):
    """Store 3,000 lines. If they depend on each other, those of 100 in a row need the same bits per byte."""
    rng = np.random.default_rng(0)
    noise = np.repeat(rng.normal(0, 0.2, 30), 100) if dependent else rng.normal(0, 0.2, 3000)
    store_bits(directory, cell("a"), 2 + noise, [100] * 3000)


def test_blocks_are_explained_if_they_are_used(directory):
    store_lines(directory, dependent=True)
    dependence, counted = notes_of(directory)
    assert dependence.startswith("Neighboring documents depend on each other: blocks of 1, 2, 5, 10, 20, 50, 60 have ")
    assert " have 1.0, 2.0, 5.0, 10.0, 20." in dependence
    blocks = len(rank_models(directory, CORPUS).units.sizes)
    assert counted == f"{blocks} blocks of {3000 / blocks:.3g} documents count as {blocks:.1f} of equal size."
    assert notes_of(directory, describe_details) == []


def test_blocks_that_are_not_needed_are_a_detail(directory):
    store_lines(directory, dependent=False)
    assert notes_of(directory) == ["3,000 documents count as 3,000 of equal size."]
    [detail] = notes_of(directory, describe_details)
    assert detail.startswith(
        "Neighboring documents are not shown to depend on each other: blocks of 1, 2, 5, 10, 20, 50, 60 have 1.0, "
    )


def test_many_documents_are_joined_and_counted_with_all_digits(directory):
    store_lines(directory, dependent=False)
    bits, sizes = 200 + np.random.default_rng(0).normal(0, 20, (1, 60_000)), np.full(60_000, 100)
    ranking = replace(rank_models(directory, CORPUS), units=Units.choose(bits, sizes, sizes // 100))
    counted, *_ = describe_ranking(ranking)
    assert counted == "10,000 blocks of 6 documents count as 10,000 of equal size."
    [detail] = describe_details(ranking)
    assert "blocks of 1, 2, 5, 10, 20, 50, 100, 200, 500, 1,000, 1,200 have" in detail


def test_power_says_what_shows_and_how_much_text_one_percent_needs(directory):
    """The bits of the two go up and down together."""
    store_bits(directory, cell("a"), 2 + NOISE, [100] * 30)
    store_bits(directory, cell("b"), 2.1 + 1.1 * NOISE, [100] * 30)
    ranking = rank_models(directory, CORPUS)
    error = 0.1 * NOISE.std(ddof=1) / np.sqrt(30)
    [pair] = ranking.comparisons
    assert pair.detectable == pytest.approx(2.8 * error)
    [note] = [note for note in describe_ranking(ranking) if note.startswith("This text shows")]
    best = 2 + NOISE.mean()
    paired = 3000 * (2.8 * error / (0.01 * best)) ** 2
    unpaired = paired * (1 + 1.1**2) / 0.1**2
    assert paired < 1000
    assert note == (
        f"This text shows a difference to the best of {2.8 * error:.3f} bits/byte with a probability of 80 % (median "
        "over models). A difference of 1 % takes under 1 kB of such text, or "
        f"{unpaired / 1000:.0f} kB if each model scores other text."
    )


def test_one_percent_of_no_bits_needs_no_text(directory):
    store_bits(directory, cell("a"), 0 * NOISE, [100] * 30)
    store_bits(directory, cell("b"), 2 + NOISE, [100] * 30)
    assert notes_of(directory) == ["30 documents count as 30.0 of equal size."]


@pytest.mark.parametrize(("spread", "is_too_little"), [(0.1, False), (1.0, True)])
def test_too_little_text_is_said(directory, spread, is_too_little):
    """With 30 documents and independent models, 5 % of 2 bits per byte need a standard error of 0.036 each."""
    other = np.random.default_rng(1).normal(0, 0.1, 30)
    store_bits(directory, cell("a"), 2 + spread * 10 * NOISE, [100] * 30)
    store_bits(directory, cell("b"), 2.1 + spread * 10 * other, [100] * 30)
    ranking = rank_models(directory, CORPUS)
    assert has_too_little_text(ranking) == is_too_little
    assert any(note.startswith("Too little text for a ranking") for note in describe_ranking(ranking)) == is_too_little


def test_models_with_one_seed_say_that_training_varies(directory):
    store_bits(directory, cell("m:seed=0"), 2 + NOISE, [100] * 30)
    store_bits(directory, cell("n:seed=0", pretrained=True), 2.1 + NOISE, [100] * 30)
    store_bits(directory, cell("kenlm"), 2.2 + NOISE, [100] * 30)
    note = "§ Trained with one seed: intervals do not include the variance of training. --seeds 5 measures it."
    assert notes_of(directory)[-1] == note
    assert [entry.has_one_seed for entry in rank_models(directory, CORPUS).entries] == [True, False, False]


def test_the_deviation_between_seeds_is_told(directory):
    for seed, shift in enumerate((0.0, 0.02, 0.04)):
        store_bits(directory, cell(f"m:seed={seed}"), 2 + shift + NOISE, [100] * 30)
    assert notes_of(directory)[-1] == "Standard deviation of bits/byte between seeds: m 0.020 (3 seeds)."


def test_options_that_could_be_tuned_are_named(directory):
    store_bits(directory, cell("kenlm"), 2 + NOISE, [100] * 30)
    store_bits(directory, cell("uniform"), 8 + NOISE, [100] * 30)
    [kenlm, uniform] = directory.manifest.models
    untuned = kenlm.model_copy(update={"untuned": ("order",)})
    directory.extend(Manifest(created="", models=(untuned, uniform), corpora=(), rows=()))
    note = "Options not tuned: kenlm (order). With --tune, the validation split chooses them."
    assert notes_of(directory)[-1] == note
