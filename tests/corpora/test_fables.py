import re

import pytest

from lmbench import load_corpus
from lmbench.corpora.fables import read_fables, split_of


@pytest.fixture(scope="module")
def all_fables():
    return read_fables()


def test_there_are_120_fables(all_fables):
    assert list(all_fables) == list(range(1, 121))


def test_the_splits_are_the_same_in_both_languages():
    english, chinese = load_corpus("fables-en"), load_corpus("fables-zh")
    for split, size in (("train", 84), ("valid", 12), ("test", 24)):
        assert len(getattr(english, split).documents) == len(getattr(chinese, split).documents) == size
    assert [split_of(number) for number in (1, 3, 5, 10, 13, 15)] == ["train", "valid", "test", "test", "valid", "test"]


def test_a_document_is_title_text_and_moral(all_fables):
    fable = all_fables[5].zh
    assert load_corpus("fables-zh").test.documents[0] == f"{fable.title}\n\n{fable.text.strip()}\n\n{fable.moral}\n"


def test_lengths_are_as_documented(all_fables):
    for number, fable in all_fables.items():
        assert 100 <= len(fable.en.text.split()) <= 200, number
        assert 140 <= len(re.findall(r"[\u4e00-\u9fff]", fable.zh.text)) <= 380, number


def test_fables_share_neither_titles_morals_nor_long_runs_of_words(all_fables):
    for language in ("en", "zh"):
        tellings = [getattr(fable, language) for fable in all_fables.values()]
        assert len({telling.title for telling in tellings}) == len({telling.moral for telling in tellings}) == 120
    runs: dict[tuple[str, ...], int] = {}
    for number, fable in all_fables.items():
        words = fable.en.text.split()
        for i in range(len(words) - 7):
            run = tuple(words[i : i + 8])
            assert runs.setdefault(run, number) == number, " ".join(run)


def test_right_answers_are_spread_over_four_places(all_fables):
    places = [fable.key.answer for fable in all_fables.values()]
    assert all(20 <= places.count(place) <= 40 for place in range(4))
    for fable in all_fables.values():
        assert len(set(fable.en.answers)) == len(set(fable.zh.answers)) == 4


def test_chinese_uses_chinese_characters_and_punctuation(all_fables):
    for number, fable in all_fables.items():
        telling = fable.zh
        for text in (telling.title, telling.text, telling.moral, telling.question, *telling.answers):
            assert not re.search(r"[A-Za-z,.!?;:\"]", text), (number, text)
