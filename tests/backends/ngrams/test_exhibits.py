"""What n-grams show: numbers that can be counted by hand, or looked up in the model's own distribution."""

import numpy as np
import pytest

from lmbench import Split, TrainingText, build
from lmbench.backends.ngrams.exhibits import ngram_exhibits
from lmbench.backends.ngrams.fitted import FittedNgrams
from tests.backends.ngrams.test_fitted import KEPT, ORDERS, lexicon, unigrams


def test_bigrams_by_hand():
    orders, histories = ngram_exhibits(FittedNgrams.of(lexicon(), ORDERS, KEPT), {"n1": (7, 8)}, "seven and eight")
    assert orders.columns == ("order", "n-grams", "mean back-off", "n1")
    assert orders.rows == ((1, 5, pytest.approx(0.71), 7), (2, 2, None, 8))
    assert orders.shows.endswith("; seven and eight")
    assert histories.rows == (
        ("", None, 4, "b 40.0%, a 30.0%, \\n 20.0%, <unknown> 10.0%"),
        ("b", 0.25, 0, "b 10.0%, a 7.5%, \\n 5.0%, <unknown> 2.5%"),
        ("a", 0.5, 1, "b 70.0%, a 15.0%, \\n 10.0%, <unknown> 5.0%"),
        ("<s>", 0.8, 1, "a 60.0%, b 32.0%, \\n 16.0%, <unknown> 8.0%"),
    )


def test_unigrams_alone_have_no_histories():
    _, histories = ngram_exhibits(FittedNgrams.of(lexicon(), [unigrams([0.1, 0.2, 0.3, 0.4, 1.0])], KEPT))
    assert [row[0] for row in histories.rows] == [""]


def test_pruned_words_are_not_shown():
    kept = np.array([True, True, False, True, True])
    orders, histories = ngram_exhibits(
        FittedNgrams.of(lexicon(), [unigrams([0.1, 0.2, 0.0, 0.7, 1.0], [1.0] * 5)], kept)
    )
    assert orders.rows[0][1] == 4
    assert histories.rows[0][3].startswith("b 70.0%, \\n 20.0%, <unknown> 10.0%")


def test_kenlm_shows_counts_of_counts_and_discounts():
    """Of the bigrams, 4 occur once and 2 twice. As unigrams count, b follows 1 word, the line end 2, and a 3.

    The unigrams' discounts are those of Chen and Goodman, with Y = 1 / (1 + 2). No bigram occurs three times, so that
    the bigrams' are lmplz's fallback.
    """
    model = build("kenlm:order=2,min_count=1,tokenizer=words")
    model.fit(TrainingText(Split(("a a b\na b a\n",)), Split(()), tokenized=True))
    orders, histories = model.exhibits()
    assert orders.columns[3:] == ("n1", "n2", "n3", "n4", "D1", "D2", "D3+")
    assert [row[3:7] for row in orders.rows] == [(1, 1, 1, 0), (4, 2, 0, 0)]
    assert orders.rows[0][7:] == pytest.approx((1 / 3, 1, 3))
    assert orders.rows[1][7:] == (0.5, 1.0, 1.5)
    following = model.next_events("a")
    [row] = [row for row in histories.rows if row[0] == "a"]
    best = int(following.logprobs.argmax())
    assert row[3].startswith(f"{following.names[best]} {np.exp(following.logprobs[best]):.1%}")


def test_longer_histories_follow_the_most_frequent_ones(english):
    model = build("kenlm:order=4,min_count=1,tokenizer=words")
    model.fit(english)
    _, histories = model.exhibits()
    for name, backoff, listed, _ in histories.rows[1:]:
        assert 0 < backoff <= 1, name
        assert listed > 0 or backoff == 1, name
    assert {len(row[0].split()) for row in histories.rows} == {0, 1, 2, 3}


def test_a_restored_and_an_exported_model_show_the_same(tmp_path, english):
    model = build("kenlm:order=3")
    model.fit(english)
    (tmp_path / "saved").mkdir()
    model.save(tmp_path / "saved")
    restored = build("kenlm:order=3")
    restored.restore(tmp_path / "saved")
    assert restored.exhibits() == model.exhibits()
    model.export(tmp_path / "x.arpa")
    read = build(f"kenlm:path={tmp_path}/x.arpa")
    read.load()
    assert [row[:2] for row in read.exhibits()[0].rows] == [row[:2] for row in model.exhibits()[0].rows]
    assert [row[0] for row in read.exhibits()[1].rows] == [row[0] for row in model.exhibits()[1].rows]
