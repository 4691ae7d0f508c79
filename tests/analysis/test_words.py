"""The words of a text as rows."""

import pytest

from lmbench import build
from lmbench.analysis.alignment import align
from lmbench.analysis.events import score_documents
from lmbench.analysis.words import Words, align_to_words, find_words, split_words
from tests.analysis.scored import align_events, corpus


def test_line_ends_are_words_and_white_space_is_not():
    document = "a  b\n\nc"
    assert split_words(document, corpus()) == ["a", "b", "\n", "\n", "c"]
    assert find_words(document, corpus()).tolist() == [[0, 1], [3, 4], [4, 5], [5, 6], [6, 7]]


def test_raw_text_is_divided_into_letters_digits_and_punctuation():
    document, raw = "A dog, 12 dogs...  Ä\n", corpus(tokenized=False)
    assert split_words(document, raw) == ["A", "dog", ",", "12", "dogs", "...", "Ä", "\n"]
    spans = find_words(document, raw).tolist()
    assert [document.encode()[start:end].decode() for start, end in spans] == split_words(document, raw)


def test_chinese_has_the_words_of_jieba():
    pytest.importorskip("jieba")
    document, chinese = "我来到北京\n", corpus(tokenized=False, spaced=False)
    assert split_words(document, chinese) == ["我", "来到", "北京", "\n"]
    assert find_words(document, chinese).tolist() == [[0, 3], [3, 9], [9, 15], [15, 16]]


@pytest.mark.parametrize("tokenized", [True, False])
@pytest.mark.parametrize("document", ["", "  "])
def test_a_document_without_words_is_one(document, tokenized):
    assert split_words(document, corpus(tokenized=tokenized)) == [document]
    assert find_words(document, corpus(tokenized=tokenized)).tolist() == [[0, len(document)]]


def test_white_space_belongs_to_the_word_after_it():
    rows = align_to_words(align_events(corpus("ab cd\n"), one=[[(2, 1), (1, 2), (2, 4), (1, 8)]]))
    assert rows.text.bits.tolist() == [[1, 6, 8]]
    assert rows.spans.tolist() == [[0, 2], [3, 5], [5, 6]]
    assert rows.counts.tolist() == [1, 1, 1]


def test_an_event_of_two_words_joins_them_for_all_models():
    models = {"one": [[(2, 1), (3, 2), (1, 4)]], "other": [[(5, 8), (1, 16)]]}
    rows = align_to_words(align_events(corpus("ab cd\n"), **models))
    assert rows.text.bits.tolist() == [[3, 4], [8, 16]]
    assert rows.spans.tolist() == [[0, 5], [5, 6]]
    assert rows.counts.tolist() == [2, 1]


def test_rows_do_not_cross_the_border_of_documents():
    rows = align_to_words(align_events(corpus("a ", "", "b"), one=[[(1, 1), (1, 2)], [], [(1, 4)]]))
    assert rows.text.bits.tolist() == [[3, 0, 4]]
    assert rows.text.documents.tolist() == [0, 1, 2]
    assert rows.words.documents.tolist() == [0, 1, 2]


def test_words_know_their_documents_and_line_ends():
    words = Words.of_documents(corpus(), ["a\n", "b"])
    assert words.documents.tolist() == [0, 0, 1]
    assert words.texts == ["a", "\n", "b"]
    assert words.are_line_ends.tolist() == [False, True, False]


def test_the_rows_of_real_models_sum_to_their_bits():
    train = ["the fox saw the crane\n", "the crane saw the fox, twice\n"] * 10
    text = corpus("the fox saw a fox\n", "a crane,  twice\n\nso", train=train, tokenized=False)
    models = {}
    for spec in ("kenlm:order=2", "ppm", "uniform"):
        model = build(spec)
        model.fit(text.training)
        models[spec] = list(score_documents(model, text))
    rows = align_to_words(align(models, text))
    for row, documents in zip(rows.text.bits, models.values(), strict=True):
        assert row.sum() == pytest.approx(sum(document.bits.sum() for document in documents), rel=1e-12)
    assert rows.counts.tolist() == [1] * 13


def test_words_of_the_training_text_have_the_numbers_of_the_test_text():
    words = Words.of_documents(corpus("b a b\n", train=["a c\n", "b"]), ["b a b\n"])
    assert words.types == ("b", "a", "\n")
    assert words.numbers.tolist() == [0, 1, 0, 2]
    assert words.training.tolist() == [-1, 1, -1, 2, -1, 0]  # "c" is not in the test text
    assert words.are("b").tolist() == [True, False, True, False]
    assert words.name(str.upper) == ["B", "A", "B", "\n"]
