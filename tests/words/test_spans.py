import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.words.spans import align_words, word_spans

TEXTS = st.text(alphabet="ab é狐 \t\n\u00a0", max_size=30)


def texts_of(document, spans):
    return [document.encode()[start:end].decode() for start, end in spans]


@given(TEXTS)
def test_words_are_separated_by_spaces_tabs_and_line_ends(document):
    separated = document.replace("\t", " ").replace("\n", " ").split(" ")

    assert texts_of(document, word_spans(document)) == [word for word in separated if word]


def test_words_of_chinese_are_those_of_jieba():
    jieba = pytest.importorskip("jieba")
    document = "狐狸 看见了葡萄。\n"

    words = texts_of(document, word_spans(document, spaced=False))

    assert words == [word for word in jieba.lcut(document) if not word.isspace()]
    assert len(words) > 3


def test_white_space_belongs_to_the_word_after_it_and_at_the_end_to_the_last():
    document = " a  bc\n"
    rows = align_words(np.arange(1, 8), word_spans(document))  # an event for each byte

    assert rows.spans.tolist() == [[1, 2], [4, 6]]
    assert rows.events.tolist() == [2, 5]
    assert rows.sum(np.array([1.0, 2, 4, 8, 16, 32, 64])).tolist() == [3, 124]


def test_words_are_joined_if_no_event_ends_between_them():
    document = "to be or not"
    rows = align_words(np.array([4, 5, 12]), word_spans(document))  # "to b", "e", " or not"

    assert texts_of(document, rows.spans) == ["to be", "or not"]
    assert (rows.words.tolist(), rows.indices.tolist(), rows.events.tolist()) == ([2, 2], [0, 2], [2, 1])


def test_an_event_may_end_anywhere_in_the_white_space_after_a_word():
    rows = align_words(np.array([3, 6, 8]), word_spans("to be or"))  # "to ", "be ", "or"

    assert rows.words.tolist() == rows.events.tolist() == [1, 1, 1]


def test_a_blank_document_has_no_words():
    rows = align_words(np.array([1, 2]), word_spans(" \n"))

    assert len(rows.spans) == len(rows.sum(np.ones(2))) == len(rows.indices) == 0


@given(TEXTS, st.data())
def test_rows_divide_all_events_and_words(document, data):
    size = len(document.encode())
    inner = data.draw(st.lists(st.integers(0, size), max_size=12).map(sorted))
    ends = np.array([*inner, size])
    spans = word_spans(document)
    rows = align_words(ends, spans)
    if not len(spans):
        return
    values = data.draw(st.lists(st.integers(0, 99), min_size=len(ends), max_size=len(ends)))

    assert rows.words.sum() == len(spans)
    assert rows.sum(np.array(values, dtype=float)).sum() == sum(values)
    assert (rows.events > 0).all()
    for border, (_, end), (start, _) in zip(rows.borders[1:-1], rows.spans[:-1], rows.spans[1:], strict=True):
        assert end <= ends[border - 1] <= start
