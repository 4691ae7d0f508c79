"""Maximal segments against their definition, and the passages on which two models differ."""

import numpy as np
import pytest

from lmbench.analysis.passages import draw_passages, find_maximal_segments, find_passages, tabulate_passage
from lmbench.analysis.words import align_to_words
from tests.analysis.scored import align_events, corpus


def test_the_example_of_ruzzo_and_tompa():
    assert find_maximal_segments([4, -5, 3, -3, 1, 2, -2, 2, -2, 1, 5]) == [(0, 1), (2, 3), (4, 11)]


def test_a_segment_has_a_higher_sum_than_each_of_its_parts():
    assert find_maximal_segments([2, -1, 1]) == find_maximal_segments([1, -1, 2]) == [(0, 1), (2, 3)]


def segments_by_definition(scores, first=0):
    """Return the segment with the highest sum, and those on both sides of it (Ruzzo and Tompa, section 2)."""
    size = len(scores)
    spans = [(start, end) for start in range(size) for end in range(start + 1, size + 1)]
    best = max(spans, key=lambda span: sum(scores[slice(*span)]), default=(0, 0))
    if sum(scores[slice(*best)]) <= 0:
        return []
    start, end = best
    left, right = scores[:start], scores[end:]
    return [
        *segments_by_definition(left, first),
        (first + start, first + end),
        *segments_by_definition(right, first + end),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_random_scores_agree_with_the_definition(seed):
    scores = np.random.default_rng(seed).normal(-0.3, 1, 30).tolist()
    assert find_maximal_segments(scores) == segments_by_definition(scores)


def test_scores_without_any_above_0_have_no_segments():
    assert find_maximal_segments([-1.0, 0.0]) == find_maximal_segments([]) == []


@pytest.fixture
def rows():
    """Return two documents of words of one letter, of which one model knows the upper-case ones badly."""
    text = corpus("a b C D e f\n", "G h\ni J")
    letters = [document.replace(" ", "") for document in text.test.documents]
    events = [
        [
            ((place > 0 and letter != "\n" and document[place - 1] != "\n") + 1, letter)
            for place, letter in enumerate(document)
        ]
        for document in letters
    ]
    bad = [[(size, 9.0 if letter.isupper() else 1.0) for size, letter in document] for document in events]
    good = [[(size, 1.0) for size, _ in document] for document in events]
    return align_to_words(align_events(text, bad=bad, good=good))


def test_passages_are_where_the_first_model_needs_more(rows):
    frame = find_passages(rows, "bad", "good")
    assert frame["text"].tolist() == ["C D", "G", "J", ""]
    assert frame["document"].tolist() == [0, 1, 1, -1]
    assert frame["start"].tolist() == [4, 0, 6, -1]
    assert frame["end"].tolist() == [7, 1, 7, -1]
    assert frame["bits"].tolist() == [18, 9, 9, 8]
    assert frame["other_bits"].tolist() == [2, 1, 1, 8]


def test_passages_of_letters_of_several_bytes_have_their_text():
    text = corpus("é ö\n", "a\n", "汉 a\n")
    bad = [[(2, 9), (3, 1), (1, 1)], [(1, 1), (1, 1)], [(3, 9), (2, 1), (1, 1)]]
    good = [[(size, 1) for size, _ in document] for document in bad]
    frame = find_passages(align_to_words(align_events(text, bad=bad, good=good)), "bad", "good")
    assert sorted(frame["text"]) == ["", "é", "汉"]


def test_passages_and_the_rest_sum_to_the_bits(rows):
    frame = find_passages(rows, "bad", "good")
    assert frame["bits"].sum() == rows.text.totals[0]
    assert frame["other_bits"].sum() == rows.text.totals[1]
    assert frame["words"].sum() == rows.counts.sum()
    assert frame["bytes"].sum() == 19


def test_the_score_is_above_the_threshold(rows):
    difference = (rows.text.totals[0] - rows.text.totals[1]) / 19
    frame = find_passages(rows, "bad", "good", above=1.0).set_index("text")
    assert frame.loc["C D", "score"] == pytest.approx(16 - 4 * (difference + 1))
    assert frame.loc["G", "score"] == pytest.approx(8 - (difference + 1))


def test_a_model_that_needs_less_everywhere_has_no_passages(rows):
    frame = find_passages(rows, "good", "bad", above=3.0)
    assert frame["text"].tolist() == [""]
    assert frame["bits"].tolist() == [12]


def test_the_words_of_a_passage_have_the_bits_of_all_models(rows):
    words = tabulate_passage(rows, 0, 4, 7)
    assert words["word"].tolist() == ["C", "D"]
    assert words["bad"].tolist() == [9, 9]
    assert words["good"].tolist() == [1, 1]


def test_the_chart_has_the_passages_with_the_highest_scores(rows):
    chart = draw_passages(find_passages(rows, "bad", "good"), "bad", "good", most=2)
    assert chart.y.categories == ("1. C D", "2. G")
    assert [bars.x for bars in chart.series] == [(18, 9), (2, 1)]
