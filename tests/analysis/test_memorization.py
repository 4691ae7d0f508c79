"""Matches in the training text, by hand and against brute force."""

import numpy as np
import pytest

from lmbench.analysis.memorization import find_matches, find_shared, match_lengths, measure_by_match, measure_unshared
from lmbench.analysis.words import align_to_words
from lmbench.corpora.overlap import measure_overlap
from tests.analysis.scored import align_events, corpus


def rows_of(text, bits=1.0):
    """Return the words of a text with these bits for each byte."""
    events = [[(1, bits)] * len(document) for document in text.test.documents]
    return align_to_words(align_events(text, one=events))


def test_a_match_ends_with_the_word_and_does_not_cross_documents():
    text = corpus("a b c\nx b", "c d", train=["a b\n", "b c\nd"])
    # a b | c after b | the line end after b c | x is new | b | c begins a document | d after c is new, as \n is between
    assert find_matches(rows_of(text)).tolist() == [1, 2, 2, 3, 0, 1, 1, 1]


def match_by_force(test, train):
    """Return the longest match of each word, given documents of words."""
    found = []
    for document in test:
        for end in range(1, len(document) + 1):
            lengths = range(1, end + 1)
            found.append(max((n for n in lengths if any(has(d, document[end - n : end]) for d in train)), default=0))
    return found


def has(document, part):
    return any(document[at : at + len(part)] == part for at in range(len(document)))


def test_random_texts_agree_with_brute_force():
    rng = np.random.default_rng(0)
    test, train = ([rng.integers(0, 3, 25).tolist() for _ in range(count)] for count in (6, 8))
    joined = [np.array([word for document in text for word in (-1, *document)]) for text in (test, train)]
    lengths = match_lengths(*joined, most=30)
    assert lengths[joined[0] >= 0].tolist() == match_by_force(test, train)
    assert match_lengths(*joined, most=4).max() == 4


def test_classes_of_matches_sum_to_the_bits():
    rows = rows_of(corpus("a b new c", train=["a b", "c"]))
    frame = measure_by_match(rows, find_matches(rows))
    assert dict(zip(frame["class"], frame["bits"], strict=True)) == {"0": 4, "1": 1 + 2, "2": 2}


def test_the_words_of_shared_13_grams_are_left_out():
    shared = " ".join(f"w{number}" for number in range(14))
    text = corpus(f"new {shared} end", "other text", train=[f"start {shared}"])
    rows = rows_of(text)
    matches = find_matches(rows)
    assert find_shared(matches).tolist() == [False] + [True] * 14 + [False] * 3
    frame = measure_unshared(rows, matches).iloc[0]
    size = len(text.test.documents[0]) + len("other text")
    kept = len("new") + len(" end") + len("other text")
    assert frame["shared"] == pytest.approx(1 - kept / size)
    assert frame["bits_per_byte"] == frame["without"] == 1.0


def test_a_row_with_any_word_of_a_shared_13_gram_is_left_out():
    shared = " ".join("abcdefghijklm")
    text = corpus(f"{shared} n o", train=[shared])
    events = [[(1, 1), *[(2, 1)] * 11, (4, 8), (2, 16)]]  # the last word of the 13-gram and the first other one
    rows = align_to_words(align_events(text, one=events))
    frame = measure_unshared(rows, find_matches(rows)).iloc[0]
    assert (frame["without"], frame["shared"]) == (8, pytest.approx(27 / 29))


def test_13_grams_are_shared_where_the_overlap_finds_some():
    rng = np.random.default_rng(1)
    shared = " ".join(f"w{word}" for word in rng.integers(0, 1000, 20))
    text = corpus(f"{shared} x", train=[f"y {shared}"])
    matches = find_matches(rows_of(text))
    assert (matches >= 13).sum() == measure_overlap(text).shared == 8


def test_nothing_is_left_of_a_text_that_is_shared():
    shared = " ".join("abcdefghijklm")
    rows = rows_of(corpus(shared, train=[shared]))
    frame = measure_unshared(rows, find_matches(rows)).iloc[0]
    assert frame["shared"] == 1
    assert np.isnan(frame["without"])
