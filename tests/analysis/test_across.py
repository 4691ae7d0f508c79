"""Summaries over corpora: what is divided by what, which corpora count, and what is shown."""

import numpy as np
import pytest

from lmbench.analysis.across import summarize_corpora
from lmbench.analysis.ranking import rank_models
from lmbench.errors import UnknownNameError
from tests.analysis.crafted import SIZES, add, new_run
from tests.report.cells import text

FLAT = 2.0 * SIZES
NOISE = np.random.default_rng(0).normal(0, 10, len(SIZES))


def rank(path, corpora, bits):
    """Return the rankings of a run. `bits` has the bits of each model on each corpus, the corpora by their numbers."""
    directory = new_run(path, *corpora)
    for number, corpus in enumerate(corpora):
        for label, of_corpora in bits.items():
            if number in of_corpora:
                add(directory, label, of_corpora[number], corpus=corpus.name)
    return [rank_models(directory, corpus) for corpus in corpora]


def natural(count):
    return [text(f"n{number}", floor_note="") for number in range(count)]


def synthetic(count):
    return [text(f"s{number}", floor_note="known") for number in range(count)]


def test_ratios_are_those_to_kenlm(tmp_path):
    better = {0: FLAT * 0.5, 1: FLAT * 0.5, 2: FLAT * 0.25}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(3), {"a": better, "kenlm": dict.fromkeys(range(3), FLAT)}))
    [summary] = group.summaries
    assert (group.kind, group.baseline, group.corpora) == ("natural", "kenlm", ("n0", "n1", "n2"))
    assert (summary.label, summary.corpora) == ("a", ("n0", "n1", "n2"))
    assert summary.ratios == pytest.approx((0.5, 0.5, 0.25))
    assert summary.average.value == pytest.approx((0.5 * 0.5 * 0.25) ** (1 / 3))
    assert (summary.better, summary.shown_better, summary.shown_worse) == (3, 3, 0)


def test_natural_and_synthetic_corpora_are_apart(tmp_path):
    bits = {"kenlm": dict.fromkeys(range(5), FLAT), "a": dict.fromkeys(range(3), 2 * FLAT) | {3: FLAT / 2, 4: FLAT / 2}}
    first, second = summarize_corpora(rank(tmp_path / "r", natural(3) + synthetic(2), bits))
    assert (first.kind, second.kind, second.corpora) == ("natural", "synthetic", ("s0", "s1"))
    assert first.summaries[0].average.value == pytest.approx(2)
    assert first.summaries[0].shown_worse == 3
    assert second.summaries[0].average.value == pytest.approx(0.5)
    assert second.summaries[0].average.low is None


def test_corpora_without_a_cell_of_the_model_are_left_out(tmp_path):
    bits = {"kenlm": {0: FLAT, 1: FLAT, 2: FLAT}, "a": {0: FLAT / 2, 2: FLAT / 2}, "b": {1: FLAT, 3: FLAT}}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(4), bits))
    assert group.corpora == ("n0", "n1", "n2")
    assert [(each.label, each.corpora) for each in group.summaries] == [("a", ("n0", "n2")), ("b", ("n1",))]


def test_a_text_with_two_names_counts_once(tmp_path):
    corpora = [text("n0"), text("n1"), text("again", digest=text("n0").digest)]
    bits = {"kenlm": dict.fromkeys(range(3), FLAT), "a": {0: FLAT / 2, 1: FLAT / 4, 2: FLAT / 2}}
    [group] = summarize_corpora(rank(tmp_path / "r", corpora, bits))
    assert group.corpora == ("n0", "n1")


def test_texts_that_need_no_bits_have_no_ratio(tmp_path):
    bits = {"kenlm": {0: FLAT, 1: 0 * FLAT}, "a": {0: FLAT / 2, 1: 0 * FLAT}, "b": {0: 0 * FLAT}}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(2), bits))
    assert [(each.label, each.corpora) for each in group.summaries] == [("a", ("n0",))]


def test_equal_models_are_neither_better_nor_worse(tmp_path):
    bits = {"kenlm": {0: FLAT, 1: FLAT}, "a": {0: FLAT - 1e-6, 1: FLAT + 1e-6}}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(2), bits))
    assert (group.summaries[0].better, group.summaries[0].shown_better, group.summaries[0].shown_worse) == (0, 0, 0)


def test_differences_that_are_noise_are_not_shown(tmp_path):
    bits = {"kenlm": {0: FLAT, 1: FLAT}, "a": {0: FLAT + NOISE - NOISE.mean() - 1, 1: FLAT / 2}}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(2), bits))
    assert (group.summaries[0].better, group.summaries[0].shown_better) == (2, 1)


@pytest.mark.parametrize("longest", [1000, 100_000])
def test_corpora_with_too_few_documents_show_nothing(tmp_path, longest):
    """They count as 4.0 documents, whose p is 0, or as 1.0, which have none."""
    sizes = np.array([longest, *[100] * 11])
    directory = new_run(tmp_path / "r", *natural(2))
    for corpus in natural(2):
        add(directory, "kenlm", 2.0 * sizes, sizes, corpus=corpus.name)
        add(directory, "a", 1.0 * sizes, sizes, corpus=corpus.name)
    [group] = summarize_corpora([rank_models(directory, corpus) for corpus in natural(2)])
    assert (group.summaries[0].better, group.summaries[0].shown_better) == (2, 0)


def test_baseline_can_be_chosen(tmp_path):
    bits = {"kenlm": {0: FLAT, 1: FLAT}, "a": {0: FLAT / 2, 1: FLAT / 2}}
    rankings = rank(tmp_path / "r", natural(2), bits)
    [group] = summarize_corpora(rankings, "a")
    assert (group.baseline, group.summaries[0].label) == ("a", "kenlm")
    assert group.summaries[0].average.value == pytest.approx(2)
    with pytest.raises(UnknownNameError, match=r"unknown baseline 'b'.*known: a, kenlm"):
        summarize_corpora(rankings, "b")


def test_without_kenlm_the_baseline_is_the_model_with_the_most_corpora(tmp_path):
    bits = {"a": {0: FLAT / 2}, "b": {0: FLAT, 1: FLAT}, "c": {0: 2 * FLAT, 1: 2 * FLAT}}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(2), bits))
    assert (group.baseline, [each.label for each in group.summaries]) == ("b", ["a", "c"])


def test_a_tuned_kenlm_is_a_baseline(tmp_path):
    bits = {label: {0: FLAT, 1: FLAT} for label in ("a", "kenlm:order=auto", "kenlms")}
    [group] = summarize_corpora(rank(tmp_path / "r", natural(2), bits))
    assert group.baseline == "kenlm:order=auto"


def test_one_corpus_of_a_kind_or_none_has_no_summary(tmp_path):
    bits = {"kenlm": {0: FLAT, 1: FLAT}, "a": {0: FLAT, 1: FLAT}}
    assert summarize_corpora(rank(tmp_path / "r", natural(1) + synthetic(1), bits)) == ()
    assert summarize_corpora([]) == ()
