import random

import pytest

from lmbench.corpora.overlap import LENGTH, overlap
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
    """Random lines over two letters, so that many 13-grams stand twice."""
    rng = random.Random(1)
    draw = lambda lines: ["".join(f"{rng.choice('ab')} " for _ in range(30)) + "\n" for _ in range(lines)]  # noqa: E731
    return draw(200), draw(20)


def test_shared_ngrams_are_those_of_a_brute_force(texts, monkeypatch):
    train, test = texts
    looked_up, shared = brute_force(train, test)
    found = overlap(corpus(train, [], test))
    assert (found.looked_up, found.shared, found.every, found.unit) == (looked_up, shared, 1, "words")
    assert 0.2 < found.share < 0.8
    for characters in (100, 10):  # pieces of some documents; documents that are long beside a piece
        monkeypatch.setattr("lmbench.corpora.overlap._PIECE", characters)
        assert overlap(corpus(train, [], test)) == found


def test_of_long_texts_an_evenly_drawn_part_is_looked_up(texts, monkeypatch):
    train, test = texts
    monkeypatch.setattr("lmbench.corpora.overlap._MOST", 100)
    drawn = overlap(corpus(train, [], test))
    looked_up, shared = brute_force(train, test)
    assert drawn.every == 4
    assert drawn.looked_up == pytest.approx(looked_up / 4, rel=0.35)
    assert drawn.share == pytest.approx(shared / looked_up, abs=0.15)


def test_characters_where_nothing_separates_words():
    shared = "天地玄黄宇宙洪荒日月盈昃辰"
    found = overlap(corpus([shared + "宿列张\n"], [], ["寒来\n" + shared[:6] + "\n" + shared[6:]], spaced=False))
    assert (found.unit, found.looked_up, found.shared) == ("characters", 3, 1)


def test_documents_that_stand_in_two_splits_are_counted():
    found = overlap(corpus(["a\n", "b\n", "\n"], ["b\n", "c\n", "d\n"], ["a\n", "\n", "c\n", "e\n"]))
    assert (found.documents, found.repeated, found.repeated_valid) == (3, 1, 2)
    assert str(found) == (
        "0.00% of the test split's 13-grams of words (0 of 0) are in the training split, as are 1 of its 3 documents; "
        "2 validation documents stand in another split too"
    )


def test_wikitext2_hardly_overlaps(mirror):
    from lmbench import load_corpus

    wikitext = load_corpus("wikitext-2")
    found = overlap(wikitext)
    assert (found.looked_up, found.shared) == brute_force(wikitext.train.documents, wikitext.test.documents)
    assert found.repeated == 0
