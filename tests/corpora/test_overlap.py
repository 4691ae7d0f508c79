import random

import pytest

from lmbench.corpora.overlap import LENGTH, measure_overlap
from lmbench.corpus import Corpus, Split


def corpus(train, valid, test, spaced=True):
    return Corpus("x", Split(tuple(train)), Split(tuple(valid)), Split(tuple(test)), provenance="", spaced=spaced)


def brute_force(train, test):
    def ngrams(documents):
        words = " ".join(documents).split()
        return [tuple(words[i : i + LENGTH]) for i in range(len(words) - LENGTH + 1)]

    known = set(ngrams(train))
    return len(ngrams(test)), sum(ngram in known for ngram in ngrams(test))


@pytest.fixture
def texts():
    """Random lines over two letters, so that many 13-grams are repeated."""
    rng = random.Random(1)
    draw = lambda lines: ["".join(f"{rng.choice('ab')} " for _ in range(30)) + "\n" for _ in range(lines)]  # noqa: E731
    return draw(200), draw(20)


def test_shared_ngrams_match_brute_force(texts, monkeypatch):
    train, test = texts
    looked_up, shared = brute_force(train, test)
    found = measure_overlap(corpus(train, [], test))
    assert (found.looked_up, found.shared, found.every, found.unit) == (looked_up, shared, 1, "words")
    assert 0.2 < found.share < 0.8
    for characters in (100, 10):  # pieces of several documents; documents longer than a piece
        monkeypatch.setattr("lmbench.corpora.overlap._PIECE", characters)
        assert measure_overlap(corpus(train, [], test)) == found


def test_long_texts_are_sampled_evenly(texts, monkeypatch):
    train, test = texts
    monkeypatch.setattr("lmbench.corpora.overlap._MOST", 100)
    drawn = measure_overlap(corpus(train, [], test))
    looked_up, shared = brute_force(train, test)
    assert drawn.every == 4
    assert drawn.looked_up == pytest.approx(looked_up / 4, rel=0.35)
    assert drawn.share == pytest.approx(shared / looked_up, abs=0.15)


def test_unspaced_text_is_compared_by_characters():
    shared = "天地玄黄宇宙洪荒日月盈昃辰"
    found = measure_overlap(
        corpus([shared + "宿列张\n"], [], ["寒来\n" + shared[:6] + "\n" + shared[6:]], spaced=False)
    )
    assert (found.unit, found.looked_up, found.shared) == ("characters", 3, 1)


def test_documents_in_two_splits_are_counted():
    found = measure_overlap(corpus(["a\n", "b\n", "\n"], ["b\n", "c\n", "d\n"], ["a\n", "\n", "c\n", "e\n"]))
    assert (found.documents, found.repeated, found.repeated_valid) == (4, 1, 2)
    assert str(found) == (
        "0.00% of the test split's 13-grams of words (0 of 0) and 1 of its 4 documents are also in the training split; "
        "2 validation documents are also in another split"
    )


def test_without_a_training_split_there_is_nothing_to_compare():
    assert measure_overlap(corpus([], [], ["a\n"])) is None


def test_wikitext2_hardly_overlaps(mirror):
    from lmbench import load_corpus

    wikitext = load_corpus("wikitext-2")
    found = measure_overlap(wikitext)
    assert (found.looked_up, found.shared) == brute_force(wikitext.train.documents, wikitext.test.documents)
    assert found.repeated == 0
