"""Known answers on real texts."""

import numpy as np
import pytest

from lmbench import build, evaluate, load_corpus
from lmbench.statistics import Units, compare_pairs

MODELS = ("kenlm:order=2", "ngram:smoothing=good-turing,order=5", "kenlm:order=4", "kenlm:order=5")


@pytest.fixture(scope="module")
def wikitext2(mirror):
    """Return the units of WikiText-2's test split, and the comparisons of two pairs of models."""
    corpus = load_corpus("wikitext-2")
    counts = [evaluate(build(spec), corpus).counts for spec in MODELS]
    units = Units.choose(np.stack([model.bits for model in counts]), counts[0].bytes, counts[0].line_ends)
    pairs = {(pair.first, pair.second): pair for pair in compare_pairs([model.bits[None] for model in counts], units)}
    return units, pairs[0, 1], pairs[2, 3].reversed()


def test_60_articles_of_wikitext2_count_as_36(wikitext2):
    units, _, _ = wikitext2
    assert (units.documents, round(units.effective, 1), units.are_blocks, units.dominant) == (60, 36.0, False, ())


def test_kenlms_bigram_and_the_good_turing_5_gram_do_not_differ(wikitext2):
    """Their unpaired intervals overlap as well, as do those of models that differ."""
    _, pair, _ = wikitext2
    assert pair.difference.value == pytest.approx(-0.0059, abs=0.0001)
    assert pair.difference.p == pytest.approx(0.11, abs=0.01)
    assert not pair.differs


def test_the_fifth_order_gains_little_and_surely(wikitext2):
    """1,000,000 halves give [0.001347, 0.001758]; the normal interval is [0.001350, 0.001748]."""
    _, _, pair = wikitext2
    difference = pair.difference
    ends = (-difference.low, -difference.value, -difference.high)
    assert ends == pytest.approx((0.001758, 0.001549, 0.001347), abs=0.000015)
    assert (pair.wins, pair.losses) == (59, 1)
    assert pair.adjusted_p < 1e-4
    assert pair.differs


def test_24_fables_count_as_23_6():
    counts = evaluate(build("uniform"), load_corpus("fables-en")).counts
    units = Units.choose(counts.bits[None], counts.bytes, counts.line_ends)
    assert (units.documents, round(units.effective, 1), units.are_blocks) == (24, 23.6, False)
