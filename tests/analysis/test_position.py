"""Bits by position, by hand."""

from lmbench.analysis.position import (
    find_document_places,
    find_line_places,
    measure_by_document_position,
    measure_by_line_position,
)
from lmbench.analysis.words import Words, align_to_words
from tests.analysis.scored import align_events, corpus

TEXTS = ["a b\n\nc\n", "d\ne f"]


def test_places_are_counted_from_each_line_and_each_document():
    words = Words.of_documents(corpus(), TEXTS)
    assert words.texts == ["a", "b", "\n", "\n", "c", "\n", "d", "\n", "e", "f"]
    assert find_line_places(words).tolist() == [1, 2, 3, 1, 1, 2, 1, 2, 1, 2]
    assert find_document_places(words).tolist() == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4]


def test_a_document_begins_a_line():
    assert find_line_places(Words.of_documents(corpus(), ["a b", "c d"])).tolist() == [1, 2, 1, 2]


def test_line_ends_are_a_class_of_their_own():
    events = [[(1, 1), (2, 2), (1, 4), (1, 8), (1, 16), (1, 32)], [(1, 64), (1, 128), (1, 256), (2, 512)]]
    rows = align_to_words(align_events(corpus(*TEXTS), one=events))
    by_line, by_document = (
        dict(zip(frame["class"], frame["bits"], strict=True))
        for frame in (measure_by_line_position(rows), measure_by_document_position(rows))
    )
    line_ends = 4 + 8 + 32 + 128
    assert by_line == {"1": 1 + 16 + 64 + 256, "2": 2 + 512, "line end": line_ends}
    assert by_document == {"1": 1 + 64, "2–3": 2 + 256, "4–10": 16 + 512, "line end": line_ends}
